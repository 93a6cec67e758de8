/**
 * Keeps an engine running for the window: starts it, starts it again when it dies, each time after a longer wait, and stops trying when it dies too often.
 * What the engine says on stderr goes into a log of bounded size, so that the reason can be shown. It knows nothing of Electron.
 */
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

/** The engine is started again after 0.5, 1, 2, 4 s; a fifth death within a minute ends the tries. */
const usualWaitMs = 500;
const mostDeaths = 5;
const withinMs = 60_000;
const maxLogBytes = 512 * 1024;
const shownLines = 12;

export interface EngineSetUp {
  /** Its stdout names its pipe in one line of JSON; its stdin is held open for as long as it is wanted. */
  start(): ChildProcess;
  logFile: string;
  /** Before the first try; each later wait is twice the one before. */
  firstWaitMs?: number;
  onUp(pipe: string): void;
  /** A line of its stderr. */
  onSaid?(line: string): void;
  /** It died too often: how many times, and the end of what it said. `start` tries again. */
  onGivenUp(deaths: number, lastWords: string): void;
}

export class EngineKeeper {
  #setUp: EngineSetUp;
  #child: ChildProcess | null = null;
  #deaths: number[] = [];
  #isEnding = false;
  #up = Promise.withResolvers<void>();
  isUp = false;

  constructor(setUp: EngineSetUp) {
    this.#setUp = setUp;
    mkdirSync(dirname(setUp.logFile), { recursive: true });
  }

  /** Resolves when an engine answers, however long that takes. */
  untilUp(): Promise<void> {
    return this.#up.promise;
  }

  /** Starts one, and forgets earlier deaths. */
  start() {
    this.#deaths = [];
    this.#startOne();
  }

  /** The engine ends with its standard input, and is not started again. */
  end() {
    this.#isEnding = true;
    this.#child?.stdin?.end();
  }

  #startOne() {
    if (this.#isEnding) return;
    const child = this.#setUp.start();
    this.#child = child;
    let isGone = false;
    const gone = (why: string) => {
      if (isGone) return;
      isGone = true;
      this.#log(`--- the engine ${why}`);
      this.#onDeath();
    };
    this.#log(`--- an engine is started (process ${child.pid ?? 'none'}, ${new Date().toISOString()})`);
    if (child.stderr) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.#log(line);
        this.#setUp.onSaid?.(line);
      });
    }
    if (child.stdout) {
      createInterface({ input: child.stdout }).once('line', (line) => {
        const pipe = pipeOf(line);
        if (pipe === null) return void child.kill();
        this.isUp = true;
        this.#setUp.onUp(pipe);
        this.#up.resolve();
      });
    }
    child.once('error', (error) => gone(`could not be started: ${error.message}`));
    child.once('close', (code, signal) => gone(signal ? `was ended by ${signal}` : `ended with code ${code}`));
  }

  #onDeath() {
    if (this.isUp) this.#up = Promise.withResolvers();
    this.isUp = false;
    if (this.#isEnding) return;
    const now = Date.now();
    this.#deaths = [...this.#deaths.filter((at) => at > now - withinMs), now];
    const { length } = this.#deaths;
    if (length >= mostDeaths) this.#setUp.onGivenUp(length, this.lastWords());
    else setTimeout(() => this.#startOne(), (this.#setUp.firstWaitMs ?? usualWaitMs) * 2 ** (length - 1));
  }

  /** The last lines of the log. */
  lastWords(): string {
    try {
      return readFileSync(this.#setUp.logFile, 'utf8').trimEnd().split('\n').slice(-shownLines).join('\n');
    } catch {
      return '';
    }
  }

  /** Never more than twice the limit: the log, and the one before it. */
  #log(line: string) {
    const { logFile } = this.#setUp;
    try {
      appendFileSync(logFile, `${line.slice(0, 2000)}\n`, { mode: 0o600 });
      if (statSync(logFile).size < maxLogBytes) return;
      rmSync(`${logFile}.before`, { force: true });
      renameSync(logFile, `${logFile}.before`);
    } catch {
      // A log that cannot be written is no reason to have no engine.
    }
  }
}

function pipeOf(line: string): string | null {
  try {
    const { pipe } = JSON.parse(line) as { pipe?: unknown };
    return typeof pipe === 'string' ? pipe : null;
  } catch {
    return null;
  }
}

/**
 * Supervises the engine process of the window: starts it, restarts it with exponential backoff after a crash, and gives up after too many crashes.
 * The engine's stderr goes to a log of bounded size, whose end is shown when the supervisor gives up. Independent of Electron.
 */
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

/** Restarts wait 0.5, 1, 2 and 4 s; the supervisor gives up after the fifth crash within a minute. */
const defaultWaitMs = 500;
const maxCrashes = 5;
const withinMs = 60_000;
const maxLogBytes = 512 * 1024;
const shownLines = 12;

export interface SupervisorOptions {
  /** Spawns the engine. It prints its pipe as one line of JSON to stdout, and exits when its stdin closes. */
  start(): ChildProcess;
  logFile: string;
  /** The wait before the first restart; it doubles each time. */
  firstWaitMs?: number;
  onUp(pipe: string): void;
  /** Called with each line of stderr. */
  onLog?(line: string): void;
  /** Called after too many crashes, with their number and the end of the log. `start` tries again. */
  onGiveUp(crashes: number, logTail: string): void;
}

export class EngineSupervisor {
  #options: SupervisorOptions;
  #child: ChildProcess | null = null;
  #crashes: number[] = [];
  #isEnding = false;
  #up = Promise.withResolvers<void>();
  isUp = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    mkdirSync(dirname(options.logFile), { recursive: true });
  }

  /** Resolves when an engine is ready. Has no timeout. */
  untilUp(): Promise<void> {
    return this.#up.promise;
  }

  /** Starts the engine and resets the crash count. */
  start() {
    this.#crashes = [];
    this.#spawn();
  }

  /** Stops the engine by closing its stdin, and does not restart it. */
  end() {
    this.#isEnding = true;
    this.#child?.stdin?.end();
  }

  #spawn() {
    if (this.#isEnding) return;
    const child = this.#options.start();
    this.#child = child;
    let isGone = false;
    const onGone = (why: string) => {
      if (isGone) return;
      isGone = true;
      this.#log(`--- the engine ${why}`);
      this.#onExit();
    };
    this.#log(`--- engine started (process ${child.pid ?? 'none'}, ${new Date().toISOString()})`);
    if (child.stderr) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.#log(line);
        this.#options.onLog?.(line);
      });
    }
    if (child.stdout) {
      createInterface({ input: child.stdout }).once('line', (line) => {
        const pipe = pipeOf(line);
        if (pipe === null) return void child.kill();
        this.isUp = true;
        this.#options.onUp(pipe);
        this.#up.resolve();
      });
    }
    child.once('error', (error) => onGone(`could not be started: ${error.message}`));
    child.once('close', (code, signal) => onGone(signal ? `was killed by ${signal}` : `exited with code ${code}`));
  }

  #onExit() {
    if (this.isUp) this.#up = Promise.withResolvers();
    this.isUp = false;
    if (this.#isEnding) return;
    const now = Date.now();
    this.#crashes = [...this.#crashes.filter((at) => at > now - withinMs), now];
    const { length } = this.#crashes;
    if (length >= maxCrashes) this.#options.onGiveUp(length, this.logTail());
    else setTimeout(() => this.#spawn(), (this.#options.firstWaitMs ?? defaultWaitMs) * 2 ** (length - 1));
  }

  /** The last lines of the log. */
  logTail(): string {
    try {
      return readFileSync(this.#options.logFile, 'utf8').trimEnd().split('\n').slice(-shownLines).join('\n');
    } catch {
      return '';
    }
  }

  /** Rotates the log: the current and the previous file together stay below twice the limit. */
  #log(line: string) {
    const { logFile } = this.#options;
    try {
      appendFileSync(logFile, `${line.slice(0, 2000)}\n`, { mode: 0o600 });
      if (statSync(logFile).size < maxLogBytes) return;
      rmSync(`${logFile}.before`, { force: true });
      renameSync(logFile, `${logFile}.before`);
    } catch {
      // The engine must run even if its log cannot be written.
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

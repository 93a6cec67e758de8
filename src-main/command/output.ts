/** Output of commands: progress and messages on stderr, JSON on stdout or in a file, exit codes. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SingleBar } from 'cli-progress';
import type { ZodError } from 'zod'; // only the type: `doctor` also speaks without the library
import { explain, WinnowError } from '../contract/errors.ts';
import { flagOf, inWords, problemsOf, problemsText, RefusedRequest, type Problem } from '../contract/problems.ts';
import { jobEnded, type Job } from '../contract/types.ts';
import type { Client } from '../door/client.ts';
import { printableLines } from '../contract/words.ts';
import { exitNow } from '../file/gate.ts';
import { OutputFolder } from '../file/output-folder.ts';
import { outputFile } from '../file/output.ts';

export const exitCodes = { done: 0, failed: 1, wrongUsage: 2, cancelled: 130 } as const;

/** A closed pipe, as after `head`, is not an error: the rest is not written and the command ends normally. */
export function ignoreClosedPipe() {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
}

/** Waits until all output is written: a pipe holds 64 KiB, the rest is buffered in this process until it is read. */
export async function ended() {
  for (const stream of [process.stdout, process.stderr])
    if (stream.writable) await new Promise<void>((done) => stream.write('', () => done()));
}

export interface OutputOptions {
  json?: string;
  quiet?: boolean;
}

/** Prints a message; silent with --quiet. */
export function say(options: OutputOptions, message: string) {
  if (!options.quiet) process.stderr.write(`${printableLines(message)}\n`);
}

/** Checks the JSON path before the work: an original must not be overwritten, and the error must not come an hour later. */
export function checkJson({ json }: OutputOptions, folder?: string) {
  if (json && json !== '-') outputFile(resolve(json), folder === undefined ? [] : [folder], 'The JSON file');
}

/** Checks folders for output before the work, as `checkJson` does for its file. By option: '--maps'. */
export function checkFolders(paths: Readonly<Record<string, string | undefined>>, folder: string) {
  for (const [option, path] of Object.entries(paths))
    if (path !== undefined) new OutputFolder(resolve(path), [folder], `The folder of ${option}`);
}

export function writeJson(options: OutputOptions, value: { schema: string; folder?: string; [name: string]: unknown }) {
  if (!options.json) return;
  const text = `${JSON.stringify(value, null, 1)}\n`;
  if (options.json === '-') process.stdout.write(text);
  else writeFileSync(outputFile(resolve(options.json), value.folder ? [value.folder] : [], 'The JSON file'), text);
}

export function fail(error: unknown): number {
  const { code, message } = describe(error);
  process.stderr.write(code === 'cancelled' ? 'Cancelled.\n' : `${printableLines(message)}\n`);
  return code === 'cancelled'
    ? exitCodes.cancelled
    : code === 'bad-request' || code === 'bad-expression'
      ? exitCodes.wrongUsage
      : exitCodes.failed;
}

/** The error code of anything that a call threw. */
export const codeOf = (error: unknown): string => describe(error).code;

let options: ReadonlySet<string> = new Set();

/** The options of the command that runs, such as '--seed': a refused request is told in them. */
export const nameOptions = (names: Iterable<string>): void => void (options = new Set(names));

/** The option that gave a value: `repeats.best` → `--repeat-best`, `pollSeconds` → `--poll`; null if it is none. */
function optionOf(path: Problem['path']): string | null {
  const names = path.filter((part) => typeof part === 'string').map(flagOf);
  const last = names.at(-1) ?? '';
  const joined = [...names.slice(0, -1).map((name) => name.replace(/s$/, '')), last].join('-');
  return (
    [joined, names.join('-'), last, last.replace(/-\w+$/, '')]
      .map((name) => `--${name}`)
      .find((name) => options.has(name)) ?? null
  );
}

function inOptions(problems: readonly Problem[]): string {
  const named = problems.map(({ path, need }) => ({ path: [optionOf(path) ?? path].flat(), need }));
  return problemsText(named, (name) => (name.startsWith('--') ? name : inWords(name)));
}

/** Code and message. An error of the tRPC client has the engine's code in its data. */
function describe(error: unknown): { code: string; message: string } {
  const { data, cause } = error as { data?: { winnow?: string; problems?: Problem[] }; cause?: unknown };
  const problems =
    error instanceof Error && error.name === 'ZodError'
      ? problemsOf(error as ZodError)
      : error instanceof RefusedRequest
        ? error.problems
        : data?.problems;
  if (problems) return { code: 'bad-request', message: inOptions(problems) };
  if (data?.winnow) return { code: data.winnow, message: (error as Error).message };
  const isLost = !(error instanceof WinnowError) && cause instanceof WinnowError; // the engine process ended during a call
  return explain(isLost ? cause : error);
}

/** After the first SIGINT the job gets this long to stop; a second one exits at once. */
const endWithinMs = 10_000;
let isEnding = false;

/** Call it on SIGINT or SIGTERM: exits after a while, or at the second signal, whatever still runs. */
export function endSoon() {
  if (isEnding) exitNow(exitCodes.cancelled);
  isEnding = true;
  setTimeout(() => exitNow(exitCodes.cancelled), endWithinMs).unref();
}

/** Starts a job, shows its progress, cancels it on Ctrl-C, and returns it when done. Throws WinnowError if it fails. */
export async function follow(client: Client, options: OutputOptions, start: () => Promise<Job>): Promise<Job> {
  const show = progressLine(options);
  let wanted: number | null = null;
  const early: Job[] = [];
  const ended = Promise.withResolvers<Job>();
  let running = '';
  let reportedWaiting = false;
  const take = (job: Job) => {
    if (wanted === null) return early.push(job);
    if (job.id !== wanted) {
      if (job.state === 'running') running = job.title;
      return;
    }
    if (job.state === 'queued' && !reportedWaiting) {
      say(options, `Waiting for: ${running}`);
      reportedWaiting = true;
    }
    show(job);
    if (jobEnded(job.state)) ended.resolve(job);
  };
  const started = Promise.withResolvers<void>();
  const subscription = client.calls.workspace.events.subscribe(undefined, {
    onData: (event) => {
      started.resolve();
      if (event.type === 'job') take(event.job);
    },
    onError: (error) => {
      started.reject(error);
      ended.reject(error);
    },
  });
  const cancel = () => {
    endSoon();
    if (wanted !== null) client.calls.jobs.cancel.mutate({ id: wanted }).catch((error: unknown) => ended.reject(error));
  };
  process.on('SIGINT', cancel).on('SIGTERM', cancel);
  try {
    await started.promise;
    wanted = (await start()).id;
    early.forEach(take);
    const job = await ended.promise;
    if (job.error)
      throw new WinnowError(job.state === 'cancelled' ? 'cancelled' : (job.error.code as 'failed'), job.error.message);
    return job;
  } finally {
    show(null);
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
    subscription.unsubscribe();
  }
}

function progressLine(options: OutputOptions): (job: Job | null) => void {
  if (options.quiet) return () => {};
  let bar: SingleBar | null = null;
  let stage = '';
  return (job) => {
    if (!job || job.stage !== stage || job.state !== 'running') {
      bar?.stop();
      bar = null;
    }
    if (!job || job.state !== 'running') return;
    if (!bar && job.total > 0) {
      stage = job.stage;
      bar = new SingleBar({
        format: '{stage} {bar} {value}/{total} {unit} · {rate} · {left}',
        stream: process.stderr,
        hideCursor: true,
        barsize: 24,
        fps: 10,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        noTTYOutput: true,
        notTTYSchedule: 3000,
        emptyOnZero: true,
      });
      bar.start(job.total, job.done, { stage: stage.padEnd(18), unit: job.unit, rate: '…', left: '…' });
    }
    bar?.setTotal(job.total);
    bar?.update(job.done, {
      rate: job.perSecond === null ? '…' : `${job.perSecond.toFixed(job.perSecond < 10 ? 1 : 0)}/s`,
      left: job.secondsLeft === null ? '…' : `${duration(job.secondsLeft)} left`,
    });
  };
}

export const duration = (seconds: number) =>
  seconds < 100
    ? `${Math.ceil(seconds)} s`
    : seconds < 6000
      ? `${Math.round(seconds / 60)} min`
      : `${(seconds / 3600).toFixed(1)} h`;

/** `watch FOLDER`: scores files as they arrive, until Ctrl+C. A line of JSON for each on standard output; the same for people on standard error. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { watchSchema } from '../contract/schemas.ts';
import { movedRule, type RuleChoice } from '../contract/threshold.ts';
import type { Arrival, Watch } from '../contract/watch.ts';
import { plural, printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { outputFile } from '../file/output.ts';
import { backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { endSoon, say } from './output.ts';
import { ruleOption } from './rank.ts';

interface WatchOptions extends FolderOptions {
  run?: string;
  threshold?: RuleChoice;
  poll?: number;
}

export function addWatchCommand(program: Command) {
  folderCommand(program, 'find', 'watch', 'score files as they arrive, with a saved detector; Ctrl+C ends it', [
    'photos --run pca-1',
    "photos --run pca-1 --threshold 0.2 | jq -r 'select(.flagged).path'",
  ])
    .option('--run <id>', 'which ranking (default: the newest finished one)')
    .option(
      '--threshold <rule[:value]>',
      'from which score on files are alarms: a score, or a rule as for `rank` (default: the threshold of the ranking)',
      scoreOrRule,
    )
    .option('--poll <seconds>', 'look at the whole folder this often, for network disks that report no changes', number)
    .addOption(backendOption())
    .addHelpText(
      'after',
      `
Writes a line of JSON for each file: { schema, path, score, flagged, threshold, at }, or { schema, path, issue, at } for a file that cannot be read; with --json FILE,
appended to that file. At the start, it scores the images that the ranking has no score of. Names that start with a dot or end in .part, .tmp or the like are left out
until the file is renamed. Exit code 0 after Ctrl+C.`,
    )
    .action((folder: string, options: WatchOptions) =>
      inFolder(folder, options, (client) => watchCommand(client, options)),
    );
}

function number(text: string): number {
  const value = Number(text);
  if (!text.trim() || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

/** 0.2 is short for score:0.2. */
const scoreOrRule = (text: string): RuleChoice =>
  ruleOption(Number.isFinite(Number(text)) ? `${movedRule}:${text}` : text);

async function watchCommand(client: Client, options: WatchOptions): Promise<void> {
  const { watch } = client.calls;
  const runs = await client.calls.runs.list.query();
  const runId = options.run ?? runs.find(({ kind, state }) => kind === 'rank' && state === 'done')?.id;
  if (!runId) throw new WinnowError('no-run', 'This folder has not been ranked yet. Run `rank` first.');
  const request = watchSchema.parse({ runId, rule: options.threshold, pollSeconds: options.poll });
  const out = openLines(client, options);
  const before = await watch.state.query();
  let state: Watch = await watch.start.mutate(request);
  let seen = before?.arrived ?? 0;
  sayStart(state, before !== null);

  const ended = Promise.withResolvers<void>();
  const interrupt = () => {
    endSoon();
    ended.resolve();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  out.once('close', () => ended.resolve()); // its reader has ended, as after `head`
  let writing = Promise.resolve();
  const write = () => (writing = writing.then(writeNew));
  const subscription = client.calls.workspace.events.subscribe(undefined, {
    onData(event) {
      if (event.type !== 'watch') return;
      if (!event.watch) return ended.resolve(); // another client has stopped it
      if (event.watch.problem && event.watch.problem !== state.problem) say(options, event.watch.problem);
      state = event.watch;
      write().catch(ended.reject);
    },
    onError: ended.reject,
  });
  try {
    await ended.promise;
    if (!before) await watch.stop.mutate();
    await write();
    say(options, `Watched: ${plural(state.arrived, 'file')} arrived, ${plural(state.flagged, 'alarm')}.`);
  } finally {
    subscription.unsubscribe();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    if (out !== process.stdout) await new Promise<void>((done) => out.end(done));
  }

  function sayStart({ threshold, pollSeconds }: Watch, isShared: boolean) {
    const alarms = threshold === null ? 'no alarms' : `alarms at ${threshold.toPrecision(5)} and above`;
    const how = pollSeconds === null ? '' : `, looking every ${pollSeconds} s`;
    say(
      options,
      `Watching ${client.folder} with ${runId}: ${alarms}${how}. Ctrl+C ${isShared ? 'ends this command; another client watches on' : 'ends it'}.`,
    );
  }

  async function writeNew() {
    for (;;) {
      const { arrivals, missed } = await watch.arrivals.query({ since: seen });
      if (missed)
        say(
          options,
          `${plural(missed, 'file')} arrived faster than could be written here; the scores are in the column of ${runId}.`,
        );
      if (!arrivals.length) return;
      for (const arrival of arrivals) {
        if (!out.write(`${JSON.stringify(lineOf(arrival))}\n`) && out.writable)
          await Promise.race([once(out, 'drain'), once(out, 'close')]).catch(() => undefined);
        say(options, sentenceOf(arrival));
      }
      seen = (arrivals.at(-1) as Arrival).seq;
    }
  }
}

/** Where the lines go. Throws WinnowError. */
function openLines(client: Client, { json }: WatchOptions): NodeJS.WriteStream | WriteStream {
  if (!json || json === '-') return process.stdout;
  return createWriteStream(outputFile(resolve(json), [client.folder], 'The JSON file'), { flags: 'a' });
}

function lineOf({ path, score, flagged, threshold, at, issue }: Arrival): object {
  const common = { schema: 'winnow/watch@1', path, at: new Date(at).toISOString() };
  return issue ? { ...common, issue } : { ...common, score, flagged, threshold };
}

function sentenceOf({ path, score, flagged, at, issue }: Arrival): string {
  const what = issue
    ? `unreadable: ${issue.message}`
    : `${flagged ? 'ALARM' : 'ok   '}  ${(score as number).toPrecision(5)}`;
  return `${new Date(at).toTimeString().slice(0, 8)}  ${issue ? `${printable(path)}  ${what}` : `${what}  ${printable(path)}`}`;
}

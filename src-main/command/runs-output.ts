/** What `runs` writes: the list with results and costs, as JSON, as a CSV table, or as lines. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { runTable, runTableCsv, type ListedRun } from '../contract/run-table.ts';
import { sumOf } from '../contract/numbers.ts';
import { ruleText } from '../contract/threshold.ts';
import type { RunSummary } from '../contract/types.ts';
import { mebibytes, plural, printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { outputFile } from '../file/output.ts';
import { codeOf, duration, writeJson, type OutputOptions } from './output.ts';

/** The newest first; archived ones only with `all`. */
export const listRuns = async (client: Client, all = false): Promise<RunSummary[]> =>
  (await client.calls.runs.list.query()).filter(({ archived }) => all || !archived);

const withRecords = (client: Client, runs: readonly RunSummary[]): Promise<ListedRun[]> =>
  Promise.all(runs.map(async (summary) => ({ summary, run: await client.calls.runs.get.query({ id: summary.id }) })));

/** The records with what a person said about them, what they cost, and the command that repeats each. `changed`: the number of changes that a command made. */
export async function writeRunsJson(client: Client, options: OutputOptions & { all?: boolean }, changed = 0) {
  if (!options.json) return;
  const runs = await withRecords(client, await listRuns(client, options.all));
  writeJson(options, {
    schema: 'winnow/runs@1',
    folder: client.folder,
    changed,
    runs: await Promise.all(
      runs.map(async ({ run, summary: { rule, title, note, pinned, archived, bytes } }) => ({
        ...run,
        ...{ rule, title, note, pinned, archived, bytes },
        command: await commandOf(client, run.id),
      })),
    ),
  });
}

/** Null if the record of the run is not enough for it. */
const commandOf = (client: Client, id: string): Promise<string | null> =>
  client.calls.runs.command.query({ id }).catch((error: unknown) => {
    if (codeOf(error) === 'bad-request') return null;
    throw error;
  });

/** Throws WinnowError if the path is not a place for output. */
export const csvPath = (file: string, folder: string): string => outputFile(resolve(file), [folder], 'The CSV file');

/** `file`: `-` for standard output. */
export async function writeRunsCsv(client: Client, file: string, runs: readonly RunSummary[]) {
  const text = runTableCsv(runTable(await withRecords(client, runs)));
  if (file === '-') process.stdout.write(text);
  else writeFileSync(csvPath(file, client.folder), text);
}

const headlines: Record<NonNullable<RunSummary['headline']>['name'], (value: number) => string> = {
  accuracy: (value) => `accuracy ${value.toFixed(3)}`,
  rate: (value) => `rate ${value.toPrecision(2)}`,
  best: (value) => `best ${value.toPrecision(4)}`,
};

/** One run for a terminal. */
export function lineOf(run: RunSummary): string {
  const { id, kind, state, createdAt, trained, seed, headline, archived, rule, title, pinned, seconds, bytes } = run;
  const startedAt = new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ');
  const parts = [
    id.padEnd(24),
    kind.padEnd(10),
    state.padEnd(11),
    startedAt,
    `${String(trained).padStart(7)} images`,
    (seconds === null ? '' : duration(seconds)).padStart(7),
    (bytes === null ? '' : mebibytes(bytes)).padStart(10),
    `seed ${seed}`,
    headline && headlines[headline.name](headline.value),
    rule && `threshold ${ruleText(rule)}`,
    title && `‘${printable(title)}’`,
    pinned && 'pinned',
    archived && 'archived',
  ];
  return parts.filter((part) => typeof part === 'string').join('  ');
}

/** What all runs together cost. */
export const costOf = (runs: readonly RunSummary[]): string =>
  `${plural(runs.length, 'run')}: ${duration(sumOf(runs.map(({ seconds }) => seconds ?? 0)))} of computing, ${mebibytes(sumOf(runs.map(({ bytes }) => bytes ?? 0)))} on disk.`;

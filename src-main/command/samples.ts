/** Reads samples, columns and checks for commands; evaluates expressions and sort orders. */
import { kindsOf, readerOf, type ReadSource } from '../contract/read.ts';
import type { Read, Value } from '../contract/expression.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Sample } from '../contract/types.ts';
import type { Client } from '../door/client.ts';
import { writeJson, type OutputOptions } from './output.ts';

/** All samples of the folder by path. */
export async function allSamples(client: Client): Promise<Sample[]> {
  const byId = new Map<number, Sample>();
  for (let since = 0, more = true; more;) {
    const changes = await client.calls.samples.changes.query({ since });
    for (const sample of changes.samples) byId.set(sample.id, sample);
    for (const id of changes.removed) byId.delete(id);
    ({ revision: since, more } = changes);
  }
  return [...byId.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The samples of a folder that has been scanned. Throws `no-samples`. */
export async function knownSamples(client: Client): Promise<Sample[]> {
  const samples = await allSamples(client);
  if (!samples.length) throw new WinnowError('no-samples', 'This folder has not been scanned yet. Run `scan` first.');
  return samples;
}

const marksOf = ({ class: name, label, decision, reason, tags, note }: Sample) => ({
  class: name,
  label,
  decision,
  reason,
  tags,
  note,
});

/** Samples as `--json` writes them, with columns and checks. A check's score is under `checks` only. */
export async function describeSamples(client: Client, samples: readonly Sample[]) {
  const [columns, states] = await Promise.all([client.calls.samples.columns.query(), client.calls.checks.list.query()]);
  const values = new Map(
    await Promise.all(columns.map(async ({ name }) => [name, await client.column(name)] as const)),
  );
  const checks = states.filter(({ id }) => values.has(id));
  const others = columns.filter(({ name }) => !checks.some(({ id }) => id === name));
  const scoreOf = (name: string, { id }: Sample) => (values.get(name) as Float64Array)[id] ?? NaN;
  return samples.map((sample) => ({
    path: sample.path,
    width: sample.width,
    height: sample.height,
    bytes: sample.bytes,
    format: sample.format,
    frames: sample.frames,
    sha256: sample.sha256,
    notice: sample.notice,
    values: sample.values,
    ...marksOf(sample),
    columns: Object.fromEntries(
      others.map(({ name }) => [name, scoreOf(name, sample)] as const).filter(([, value]) => !Number.isNaN(value)),
    ),
    checks: Object.fromEntries(
      checks
        .map(({ id, threshold }) => [id, { score: scoreOf(id, sample), threshold }] as const)
        .filter(([, { score }]) => !Number.isNaN(score))
        .map(([id, { score, threshold }]) => [id, { score, flagged: score >= threshold }]),
    ),
  }));
}

/** Groups of duplicates as `--json` writes them. */
export async function describeGroups(client: Client, samples: readonly Sample[]) {
  const paths = new Map(samples.map(({ id, path }) => [id, path]));
  return (await client.calls.duplicates.groups.query()).map(
    ({ id, kind, ids, score, crossesClasses, crossesSplits, differences }) => ({
      id,
      kind,
      paths: ids.flatMap((member) => paths.get(member) ?? []),
      score,
      crossesClasses,
      crossesSplits,
      differences,
    }),
  );
}

/** Writes what a command changed, and the marks of every sample. */
export async function writeMarks(client: Client, options: OutputOptions, command: string, more: object) {
  if (!options.json) return;
  const [samples, issues] = await Promise.all([allSamples(client), client.calls.samples.issues.query()]);
  writeJson(options, {
    schema: `winnow/${command}@1`,
    folder: client.folder,
    ...more,
    samples: samples.map((sample) => ({ path: sample.path, ...marksOf(sample) })),
    issues,
  });
}

/** Values for expressions and orders; loads only the columns that `use` asks for. */
export async function readSource(client: Client, use: (source: ReadSource) => unknown): Promise<ReadSource> {
  const [columns, checks, groups] = await Promise.all([
    client.calls.samples.columns.query(),
    client.calls.checks.list.query(),
    client.calls.duplicates.groups.query(),
  ]);
  const duplicates = kindsOf(groups);
  const requested = new Set<string>();
  const placed = new Set<string>();
  use({
    ...{ columns, checks, duplicates },
    values: (name) => (requested.add(name), new Float64Array()),
    threshold: (name) => (placed.add(name), 0),
  });
  const values = new Map(
    await Promise.all([...requested].map(async (name) => [name, await client.column(name)] as const)),
  );
  const runs = placed.size ? await client.calls.runs.list.query() : [];
  const rankings = runs.filter(({ kind, state, column }) => kind === 'rank' && state === 'done' && placed.has(column));
  const thresholds = new Map(
    await Promise.all(
      rankings.map(
        async ({ id, column }) => [column, (await client.calls.runs.threshold.query({ id })).score] as const,
      ),
    ),
  );
  return {
    ...{ columns, checks, duplicates },
    values: (name) => values.get(name) as Float64Array,
    threshold: (name) => thresholds.get(name) ?? null,
  };
}

/** `sharpness`, or `-sharpness` for descending order. */
export interface Order {
  by: string;
  descending: boolean;
}
export const orderOf = (text: string): Order =>
  text.startsWith('-') ? { by: text.slice(1), descending: true } : { by: text, descending: false };

/** Sorts by a column or property; samples without a value come last, ties are sorted by path. Throws `bad-expression` for an unknown name. */
export function sorted(samples: readonly Sample[], { by, descending }: Order, source: ReadSource): Sample[] {
  const read = orderReader(by, source);
  const keyed = samples.map((sample) => ({ sample, key: sortKeyOf(read(sample)) }));
  return keyed
    .sort((a, b) => {
      if (a.key === b.key) return a.sample.path < b.sample.path ? -1 : 1;
      if (a.key === null || b.key === null) return a.key === null ? 1 : -1;
      return a.key < b.key === descending ? 1 : -1;
    })
    .map(({ sample }) => sample);
}

type SortKey = number | string | null;
/** A list of texts is sorted as one text. */
const sortKeyOf = (value: Value): SortKey =>
  typeof value === 'object' && value !== null ? value.join('\n') || null : value;

/** Throws `bad-expression` for an unknown name. */
export function orderReader(by: string, source: ReadSource): Read<Sample> {
  const read = readerOf(by, source);
  if (!read) throw new WinnowError('bad-expression', `There is no column ‘${by}’ to order by.`);
  return read;
}

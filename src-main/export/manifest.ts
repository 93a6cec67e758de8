/**
 * The manifest of an export: each file with its original, the images that were left out, and the settings of the runs behind the scores. It is enough to make
 * the dataset again and to import its marks. It contains no times and no absolute paths: the same actions give the same bytes.
 */
import { basename } from 'node:path';
import type { ExportRequest } from '../contract/schemas.ts';
import type { Run, Sample } from '../contract/types.ts';
import type { WriteCsv } from '../contract/csv.ts';
import type { Entry, Text } from './format.ts';
import type { ExportInput, LeftOut } from './layout.ts';

export const manifestSchema = 'winnow/manifest@2';

/** Tags contain no comma. If one contains a semicolon, commas separate them, and a trailing comma marks this. */
export const joinTags = (tags: readonly string[]) =>
  tags.some((tag) => tag.includes(';')) ? `${tags.join(',')},` : tags.join(';');

/** The lines of `manifest.csv`: one for each exported image. */
export function* manifestCsv(entries: readonly Entry[], { columns }: ExportInput, csv: WriteCsv): Text {
  yield csv([
    'path',
    'original',
    'class',
    'label',
    'split',
    'decision',
    'reason',
    'tags',
    'note',
    'width',
    'height',
    'bytes',
    'format',
    'sha256',
    ...columns.map(({ name }) => name),
  ]);
  for (const { path, sample, split } of entries) {
    const { class: name, label, reason, tags, note, width, height, bytes, format, sha256 } = sample;
    yield csv([
      path,
      sample.path,
      name,
      label,
      split,
      decisionOf(sample),
      reason,
      joinTags(tags),
      note,
      width,
      height,
      bytes,
      format,
      sha256,
      ...columns.map(({ values }) => scoreOf(values, sample)),
    ]);
  }
}

/** The lines of `manifest.json`: the exported and left-out images, the request and the runs. */
export function* manifestJson(
  entries: readonly Entry[],
  leftOut: readonly LeftOut[],
  input: ExportInput,
  request: ExportRequest,
): Text {
  const { format, place, drop, keptOnly, splits, seed } = request;
  yield `{"schema":"${manifestSchema}","source":${JSON.stringify(basename(input.folder))},\n`;
  yield `"request":${JSON.stringify({ format, place, drop, keptOnly, splits, seed })},\n"runs":[`;
  yield* lines(input.runs, runRow);
  yield '],\n"samples":[';
  yield* lines(entries, ({ path, sample, split }) => ({
    path,
    original: sample.path,
    split,
    ...marks(sample),
    width: sample.width,
    height: sample.height,
    bytes: sample.bytes,
    format: sample.format,
    sha256: sample.sha256,
    scores: Object.fromEntries(input.columns.map(({ name, values }) => [name, scoreOf(values, sample)])),
  }));
  yield '],\n"leftOut":[';
  yield* lines(leftOut, ({ sample, why }) => ({ path: sample.path, why, ...marks(sample), sha256: sample.sha256 }));
  yield ']}\n';
}

/** The settings behind a run's scores. */
const runRow = ({ id, method, seed, trainOn, trained, parameters, backend, column }: Run) => ({
  id,
  method,
  column,
  seed,
  trainOn,
  trained,
  parameters,
  backend,
});

const marks = (sample: Sample) => ({
  class: sample.class,
  label: sample.label,
  decision: decisionOf(sample),
  reason: sample.reason,
  tags: sample.tags,
  note: sample.note,
});

const decisionOf = ({ decision }: Sample) => decision ?? 'undecided';

function scoreOf(values: ArrayLike<number>, { id }: Sample): number | null {
  const value = values[id];
  return Number.isFinite(value) ? value : null;
}

function* lines<Row>(list: readonly Row[], of: (row: Row) => object): Text {
  for (const [i, row] of list.entries()) yield `${i ? ',' : ''}\n${JSON.stringify(of(row))}`;
}

/** `runs FOLDER --compare A B`: what differs between two runs, and whether the difference is more than chance. */
import { WinnowError } from '../contract/errors.ts';
import type { ComparedFigure } from '../contract/run-comparison.ts';
import { largestOf } from '../contract/numbers.ts';
import { plural, printable } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { say, writeJson, type OutputOptions } from './output.ts';
import { allSamples } from './samples.ts';

/** The most images of a list that a terminal shows. */
const shown = 10;

export async function compareRuns(client: Client, options: OutputOptions, ids: readonly string[]): Promise<void> {
  const [a, b] = ids;
  if (ids.length !== 2) throw new WinnowError('bad-request', 'Give two runs, for example --compare cnn-1 cnn-2.');
  const { changed, ...comparison } = await client.calls.runs.compare.query({ a, b });
  const paths = new Map(changed ? (await allSamples(client)).map(({ id, path }) => [id, path]) : []);
  const pathsOf = (list: readonly number[]) => list.flatMap((id) => paths.get(id) ?? []).sort();
  const images = changed && { gained: pathsOf(changed.gained), lost: pathsOf(changed.lost) };
  writeJson(options, { schema: 'winnow/compare@1', folder: client.folder, ...comparison, changed: images });
  for (const note of comparison.notes) say(options, note);
  if (options.quiet || options.json === '-') return;
  const lines = [
    ...tableOf(
      ['setting', a, b],
      comparison.parameters.map(({ name, ...of }) => [name, text(of.a), text(of.b)]),
    ),
    ...tableOf(['figure', a, b, 'difference', '95 % interval', 'p'], comparison.figures.map(figureRow)),
    ...(comparison.agreement
      ? [
          `Rank correlation ${comparison.agreement.rankCorrelation.toFixed(3)} over ${plural(comparison.agreement.images, 'image')}.`,
          '',
        ]
      : []),
    ...(images ? [...listOf(`Only ${b} is right`, images.gained), ...listOf(`Only ${a} is right`, images.lost)] : []),
    comparison.verdict,
  ];
  process.stdout.write(`${lines.map(printable).join('\n')}\n`);
}

const text = (value: unknown): string => (value === null ? '–' : String(value));
const signed = (value: number): string => (value > 0 ? '+' : '') + value.toFixed(3);

const figureRow = ({ title, a, b, difference, low, high, p }: ComparedFigure): string[] => [
  title,
  a.toFixed(3),
  b.toFixed(3),
  signed(difference),
  low === null || high === null ? '–' : `${signed(low)} to ${signed(high)}`,
  p === null ? '–' : p.toPrecision(2),
];

/** Aligned columns and an empty line; nothing without rows. */
function tableOf(head: readonly string[], rows: readonly string[][]): string[] {
  if (!rows.length) return [];
  const all = [head, ...rows];
  const widths = head.map((_, column) => largestOf(all.map((row) => row[column].length)));
  return [
    ...all.map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    ),
    '',
  ];
}

const listOf = (title: string, paths: readonly string[]): string[] =>
  paths.length
    ? [
        `${title}: ${plural(paths.length, 'image')}`,
        ...paths.slice(0, shown).map((path) => `  ${path}`),
        ...(paths.length > shown ? [`  and ${paths.length - shown} more`] : []),
        '',
      ]
    : [];

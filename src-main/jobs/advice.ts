/**
 * Which way of training fits a folder: the usual table of transfer learning, by how many images there are and how like they are to those that the bundled weights
 * were trained on (Yosinski et al. 2014 have why: what early layers know is of use everywhere, what late ones know is of things).
 */
import type { Advice, TrainMode } from '../contract/classifier.ts';
import type { Sample } from '../contract/types.ts';
import { usual } from '../compute/models/pretrained.ts';
import { random, shuffle } from '../compute/random.ts';
import { issueOf } from '../image/issue.ts';
import type { JobContext } from './context.ts';
import { decodeFor } from './embeddings.ts';
import type { Table } from '../workspace/table.ts';

/** From so many images of the class in the middle on there are enough to train all of a network that has learned before. */
const enoughPerClass = 100;
/** In nats, measured as `distanceFromPretraining`: photographs of things and scenes lie below the first, drawings, scans and noise above the second. */
const [near, far] = [0.15, 0.45];
/** More images say nothing more of the distance. */
const looked = 96;
const seed = 1;

/** Kept while the folder is open and the images that it was measured on are those of the folder: to ask for advice writes nothing. */
const kept = new WeakMap<Table, { key: string; distance: number }>();
const distanceKey = (sources: readonly Sample[]): string =>
  `${usual.id} ${sources.map(({ sha256 }) => sha256.slice(0, 8)).join('')}`;

/** Throws where the compute process does. */
export async function advise(context: JobContext): Promise<Advice> {
  const usable = context.table.samples().filter((sample) => sample.class !== null && sample.decision !== 'reject');
  const counts = [...Map.groupBy(usable, (sample) => sample.class).values()]
    .map((own) => own.length)
    .sort((a, b) => a - b);
  const perClass = counts[Math.floor(counts.length / 2)] ?? 0;
  const distance = await distanceOf(usable, context);
  const size = perClass >= enoughPerClass ? 'large' : 'small';
  const similarity = distance === null ? null : distance < near ? 'high' : distance < far ? 'some' : 'low';
  return {
    images: usable.length,
    classes: counts.length,
    perClass,
    size,
    distance,
    similarity,
    ...follows(size, similarity, perClass),
    table,
    bounds: [near, far],
    enough: enoughPerClass,
  };
}

async function distanceOf(
  usable: readonly Sample[],
  { table, compute, folder }: Pick<JobContext, 'table' | 'compute' | 'folder'>,
): Promise<number | null> {
  const byContent = [...new Map(usable.map((sample) => [sample.sha256, sample])).values()].sort((a, b) =>
    a.sha256 < b.sha256 ? -1 : 1,
  );
  const chosen = Array.from(
    shuffle(Int32Array.from(byContent.keys()), random('advice', seed)).subarray(0, looked),
    (i) => byContent[i],
  );
  if (!chosen.length) return null;
  const key = distanceKey(chosen);
  const known = kept.get(table);
  if (known?.key === key) return known.distance;
  const rows = (
    await Promise.all(
      chosen.map((sample) =>
        decodeFor(folder, sample, usual).catch((error: unknown) => (issueOf(sample.path, error), null)),
      ),
    )
  ).filter((row) => row !== null); // what cannot be read is told elsewhere
  if (!rows.length) return null;
  const bytes = new Uint8Array(rows.length * rows[0].length);
  rows.forEach((row, i) => bytes.set(row, i * row.length));
  const distance = await compute.call('distance', { model: usual.id, bytes });
  if (rows.length === chosen.length) kept.set(table, { key, distance });
  return distance;
}

type Cell = [mode: TrainMode, then: string];

/** By size, and by likeness to the images of the pretraining. */
const cells: Record<Advice['size'], Record<NonNullable<Advice['similarity']>, Cell>> = {
  small: {
    high: ['head', 'What the weights know already tells them apart: train the head alone.'],
    some: [
      'head',
      'Train the head, which sees the features of all depths; where that is not enough, the rest after it, and look whether it has gained.',
    ],
    low: [
      'head',
      'More images would help most. Until then train the head, which sees early features too, and trust it little.',
    ],
  },
  large: {
    high: [
      'head-then-all',
      'Train the head, and then the rest with care. The head alone is there in seconds and is not far behind.',
    ],
    some: [
      'head-then-all',
      'Train the head, and then the rest: what the last layers know is to be bent to these images.',
    ],
    low: ['all', 'Train all of it. From scratch is worth a comparison.'],
  },
};
const table: Advice['table'] = (['small', 'large'] as const).flatMap((size) =>
  (['high', 'some', 'low'] as const).map((similarity) => ({
    size,
    similarity,
    mode: cells[size][similarity][0],
    then: cells[size][similarity][1],
  })),
);
const likeness = { high: 'They are like', some: 'They are somewhat like', low: 'They are unlike' };

/** The cell of the table, and why. */
function follows(
  size: Advice['size'],
  similarity: Advice['similarity'],
  perClass: number,
): Pick<Advice, 'mode' | 'reasons'> {
  const counted =
    size === 'small'
      ? `There are few images, ${perClass} of the class in the middle: all of a network would learn them by heart.`
      : `There are enough images, ${perClass} of the class in the middle, to train more than the last layer.`;
  if (similarity === null) return { mode: 'head', reasons: [counted, 'How like ImageNet they are is not known.'] };
  const [mode, then] = cells[size][similarity];
  return {
    mode,
    reasons: [
      counted,
      `${likeness[similarity]} the photographs of ImageNet, which ${usual.title.split(',')[0]} was trained on.`,
      then,
    ],
  };
}

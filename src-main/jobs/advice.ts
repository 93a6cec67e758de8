/**
 * Recommends a training mode for a folder: the usual table of transfer learning, by the number of images and their similarity to the pretraining images.
 * Early layers are general, late layers are specific (Yosinski et al. 2014). Similarity is the divergence of the channel statistics from those of ImageNet.
 */
import type { Advice, TrainMode } from '../contract/classifier.ts';
import type { Sample } from '../contract/types.ts';
import { usual } from '../compute/models/pretrained.ts';
import { random, shuffle } from '../compute/random.ts';
import { issueOf } from '../image/issue.ts';
import type { JobContext } from './context.ts';
import { decodeFor } from './embeddings.ts';
import type { Table } from '../workspace/table.ts';

/** A median class of at least this size allows fine-tuning the whole network. */
const enoughPerClass = 100;
/** In nats, see `distanceFromPretraining`: photographs of objects and scenes are below the first bound, drawings, scans and noise above the second. */
const [near, far] = [0.15, 0.45];
/** Images used to estimate the distance; more do not improve it. */
const sampledImages = 96;
const seed = 1;

/** Cached in memory while the folder is open and its images are the same: a request for advice writes nothing. */
const cache = new WeakMap<Table, { key: string; distance: number }>();
const distanceKey = (sources: readonly Sample[]): string =>
  `${usual.id} ${sources.map(({ sha256 }) => sha256.slice(0, 8)).join('')}`;

/** Throws if the compute process fails. */
export async function advise(context: JobContext): Promise<Advice> {
  const usable = context.table.samples().filter((sample) => sample.class !== null && sample.decision !== 'reject');
  const counts = [...Map.groupBy(usable, (sample) => sample.class).values()]
    .map((ofClass) => ofClass.length)
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
    ...recommend(size, similarity, perClass),
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
    shuffle(Int32Array.from(byContent.keys()), random('advice', seed)).subarray(0, sampledImages),
    (i) => byContent[i],
  );
  if (!chosen.length) return null;
  const key = distanceKey(chosen);
  const known = cache.get(table);
  if (known?.key === key) return known.distance;
  const rows = (
    await Promise.all(
      chosen.map((sample) =>
        decodeFor(folder, sample, usual).catch((error: unknown) => (issueOf(sample.path, error), null)),
      ),
    )
  ).filter((row) => row !== null); // unreadable images are reported by the scan
  if (!rows.length) return null;
  const bytes = new Uint8Array(rows.length * rows[0].length);
  rows.forEach((row, i) => bytes.set(row, i * row.length));
  const distance = await compute.call('distance', { model: usual.id, bytes });
  if (rows.length === chosen.length) cache.set(table, { key, distance });
  return distance;
}

type Cell = [mode: TrainMode, then: string];

/** By data set size, and by similarity to the pretraining images. */
const cells: Record<Advice['size'], Record<NonNullable<Advice['similarity']>, Cell>> = {
  small: {
    high: ['head', 'The pretrained features already separate the classes: train only the head.'],
    some: [
      'head',
      'Train the head, which uses features of all depths. If that is not enough, also train the other layers, and check whether accuracy improves.',
    ],
    low: [
      'head',
      'More images would help most. Until then train the head, which also uses early features, and treat its predictions with caution.',
    ],
  },
  large: {
    high: [
      'head-then-all',
      'Train the head, then all layers with a low learning rate. The head alone takes seconds and is nearly as accurate.',
    ],
    some: ['head-then-all', 'Train the head, then all layers, to adapt the late features to these images.'],
    low: ['all', 'Train all layers. Compare with training from scratch.'],
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
const similarityTexts = { high: 'They are similar to', some: 'They are somewhat similar to', low: 'They differ from' };

/** The recommendation of the table, with an explanation. */
function recommend(
  size: Advice['size'],
  similarity: Advice['similarity'],
  perClass: number,
): Pick<Advice, 'mode' | 'reasons'> {
  const counted =
    size === 'small'
      ? `There are few images (${perClass} in the median class): a whole network would overfit.`
      : `There are enough images (${perClass} in the median class) to train more than the last layer.`;
  if (similarity === null) return { mode: 'head', reasons: [counted, 'Their similarity to ImageNet is not known.'] };
  const [mode, then] = cells[size][similarity];
  return {
    mode,
    reasons: [
      counted,
      `${similarityTexts[similarity]} the photographs of ImageNet, which ${usual.title.split(',')[0]} was trained on.`,
      then,
    ],
  };
}

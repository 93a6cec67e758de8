/** Maps of one image: why a network gave its output. The map of the network's input is placed on the whole image. */
import type { ExplainArgs } from '../compute/inside/question.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Explanation } from '../contract/inside.ts';
import { largestOf, smallestOf } from '../contract/numbers.ts';
import { resample } from '../contract/resample.ts';
import type { ExplainRequest } from '../contract/schemas.ts';
import type { Sample } from '../contract/types.ts';
import { toWinnowError } from '../workspace/runs.ts';
import type { JobContext } from './context.ts';
import { seenBox } from './inside-frame.ts';
import { chosenLayer } from './inside-layer.ts';
import { readSubjectImage, resolveSubject, sampleOf, type SubjectFrame } from './inside-subject.ts';

/** The arguments of the compute calls that explain an image, and how to place their map. Throws WinnowError. */
export async function questionOf(
  context: JobContext,
  { run, sampleId, method, layer, target, parameters, seed }: ExplainRequest,
): Promise<{ args: ExplainArgs; frame: SubjectFrame; folds: number; sample: Sample }> {
  const subject = resolveSubject(context, run);
  const { ref, frame, folds, run: record } = subject;
  const sample = sampleOf(context, sampleId);
  const image = await readSubjectImage(context, frame, sample);
  const temperature = record?.classification?.evaluation?.calibration.temperature;
  const args = {
    subject: ref,
    image,
    method,
    layer: layer ?? (await chosenLayer(context, subject, method)),
    target,
    label: sample.class,
    temperature,
    params: parameters,
    seed,
  };
  return { args, frame, folds, sample };
}

export interface PlacedMap {
  values: Float32Array; // [rows, columns]
  rows: number;
  columns: number;
}

/** At most this many cells in a map: an image that is much longer than wide would have very many. */
const mostCells = 2 ** 22;

const partly = 'The network sees the centre of the image only: outside of it the map is zero.';

/** A map over the input of the network → a map over the whole image, and what the network did not see. */
export function placeOnImage(
  map: PlacedMap,
  frame: SubjectFrame,
  { width, height }: Pick<Sample, 'width' | 'height'>,
): PlacedMap & { note: string | null } {
  const seen = seenBox(frame, { width, height });
  if (isWhole(seen.width) && isWhole(seen.height)) return { ...map, note: null };
  // A grid over the image with cells of about the size of the map's.
  const [wantedRows, wantedColumns] = [map.rows / seen.height, map.columns / seen.width];
  const shrink = Math.min(1, Math.sqrt(mostCells / (wantedRows * wantedColumns)));
  const [rows, columns] = [wantedRows, wantedColumns].map((cells) => Math.max(1, Math.round(cells * shrink)));
  const finer = 4;
  const fine = resample(map.values, map.rows, map.columns, map.rows * finer, map.columns * finer);
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const x = ((column + 0.5) / columns - seen.x) / seen.width;
      const y = ((row + 0.5) / rows - seen.y) / seen.height;
      if (x < 0 || x >= 1 || y < 0 || y >= 1) continue;
      values[row * columns + column] =
        fine[Math.floor(y * map.rows * finer) * map.columns * finer + Math.floor(x * map.columns * finer)];
    }
  const isPart = seen.width * width < width - 0.5 || seen.height * height < height - 0.5;
  return { values, rows, columns, note: isPart ? partly : null };
}

const isWhole = (side: number): boolean => Math.abs(side - 1) < 1e-9;

/** A cross-validated run has a network per fold; the first is asked. */
const ofFolds = (folds: number): string =>
  `This is the first network of ${folds} folds. It may have been trained on this image, and its prediction can differ from the run’s, which is by networks that were not.`;

/**
 * The reason why one image of many has no map, such as a file that is gone. Throws the error if it concerns more than this image: a cancel, a full disk, a fault of
 * the engine.
 */
export function reasonWithoutMap(error: unknown): string {
  const known = toWinnowError(error);
  if (known instanceof WinnowError && ['no-samples', 'bad-request'].includes(known.code)) return known.message;
  throw known;
}

/** The map of one image over the whole image. Throws WinnowError. */
export async function explainImage(
  context: JobContext,
  request: ExplainRequest,
  { signal, onEvent }: { signal?: AbortSignal; onEvent?: (event: { done: number; total: number }) => void } = {},
): Promise<{ header: Explanation; map: Float32Array }> {
  const { args, frame, folds, sample } = await questionOf(context, request);
  const { header, map } = await context.compute.call('explain', args, { signal, onEvent });
  const placed = placeOnImage({ values: map, rows: header.rows, columns: header.columns }, frame, sample);
  const notes = [header.note, placed.note, folds > 1 ? ofFolds(folds) : null].filter((note) => note !== null);
  return {
    header: {
      ...header,
      rows: placed.rows,
      columns: placed.columns,
      min: smallestOf(placed.values, 0),
      max: largestOf(placed.values, 0),
      note: notes.join(' ') || null,
    },
    map: placed.values,
  };
}

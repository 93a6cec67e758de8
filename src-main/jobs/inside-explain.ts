/** Maps of one image: why a network gave its output. The map of the network's input is placed on the whole image. */
import type { ExplainArgs } from '../compute/inside/question.ts';
import type { Explanation } from '../contract/inside.ts';
import { largestOf, smallestOf } from '../contract/numbers.ts';
import { resample } from '../contract/resample.ts';
import type { ExplainRequest } from '../contract/schemas.ts';
import type { Sample } from '../contract/types.ts';
import type { JobContext } from './context.ts';
import { chosenLayer } from './inside-layer.ts';
import { readSubjectImage, resolveSubject, sampleOf, type SubjectFrame } from './inside-subject.ts';

/** The arguments of the compute calls that explain an image, and how to place their map. Throws WinnowError. */
export async function questionOf(
  context: JobContext,
  { run, sampleId, method, layer, target, parameters, seed }: ExplainRequest,
): Promise<{ args: ExplainArgs; frame: SubjectFrame; sample: Sample }> {
  const subject = resolveSubject(context, run);
  const { ref, frame, run: record } = subject;
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
  return { args, frame, sample };
}

export interface PlacedMap {
  values: Float32Array; // [rows, columns]
  rows: number;
  columns: number;
}

const partly = {
  cover: 'The network sees the centre of the image only: outside of it the map is zero.',
  crop: 'The network sees the centre of the image only: outside of it the map is zero.',
};

/** A map over the input of the network → a map over the whole image, and what the network did not see. */
export function placeOnImage(
  map: PlacedMap,
  frame: SubjectFrame,
  { width, height }: Pick<Sample, 'width' | 'height'>,
): PlacedMap & { note: string | null } {
  if (frame.shape === 'rectangle') return { ...map, note: null };
  const { sizePx, cropPx, fit } = frame;
  if (fit === 'stretch' && cropPx === sizePx) return { ...map, note: null };
  // The input in units of the image: its middle is the middle of the image.
  const scale = fit === 'cover' ? sizePx / Math.min(width, height) : sizePx / Math.max(width, height);
  const [scaleX, scaleY] = fit === 'stretch' ? [sizePx / width, sizePx / height] : [scale, scale];
  const [seenWidth, seenHeight] = [cropPx / scaleX, cropPx / scaleY];
  // A grid over the image with cells of about the size of the map's.
  const [cellX, cellY] = [seenWidth / map.columns, seenHeight / map.rows];
  const columns = Math.max(1, Math.round(width / cellX));
  const rows = Math.max(1, Math.round(height / cellY));
  const finer = 4;
  const fine = resample(map.values, map.rows, map.columns, map.rows * finer, map.columns * finer);
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const x = (((column + 0.5) / columns) * width - (width - seenWidth) / 2) / seenWidth;
      const y = (((row + 0.5) / rows) * height - (height - seenHeight) / 2) / seenHeight;
      if (x < 0 || x >= 1 || y < 0 || y >= 1) continue;
      values[row * columns + column] =
        fine[Math.floor(y * map.rows * finer) * map.columns * finer + Math.floor(x * map.columns * finer)];
    }
  return {
    values,
    rows,
    columns,
    note: seenWidth < width - 0.5 || seenHeight < height - 0.5 ? (cropPx < sizePx ? partly.crop : partly.cover) : null,
  };
}

/** The map of one image over the whole image. Throws WinnowError. */
export async function explainImage(
  context: JobContext,
  request: ExplainRequest,
  { signal, onEvent }: { signal?: AbortSignal; onEvent?: (event: { done: number; total: number }) => void } = {},
): Promise<{ header: Explanation; map: Float32Array }> {
  const { args, frame, sample } = await questionOf(context, request);
  const { header, map } = await context.compute.call('explain', args, { signal, onEvent });
  const placed = placeOnImage({ values: map, rows: header.rows, columns: header.columns }, frame, sample);
  const notes = [header.note, placed.note].filter((note) => note !== null);
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

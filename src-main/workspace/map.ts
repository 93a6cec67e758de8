/**
 * The map of a folder: where each image lies among those that a run's model takes for alike, as the columns `map.x` and `map.y`. What
 * the map was laid out by is kept in `map.tensors`, so that images that come later are placed into it and nothing that a person has
 * come to know by its place moves. A map belongs to one run: another run knows images by other codes.
 */
import { join } from 'node:path';
import { rowsOf } from '../compute/embed/landmarks.ts';
import type { PixelSet } from '../compute/protocol.ts';
import { readTensors, writeTensors } from '../compute/tensor-file.ts';
import { WinnowError } from '../contract/errors.ts';
import type { Run, Sample } from '../contract/types.ts';
import { packPixels } from '../image/pixel-cache.ts';
import type { Report } from './jobs.ts';
import { runFolder, type Desk } from './rank.ts';
import { inWords } from './runs.ts';

/** The file beside the workspace's database. */
interface Header {
  version: 1;
  run: string;
  /** Numbers of a code. */
  size: number;
  /** Who lies where in `xy`: a sample is known as long as its content is the same. */
  known: string[];
}

interface KeptMap {
  header: Header;
  /** `codes` [landmarks, size] and `places` [landmarks, 2] are what new images are placed by; `xy` [known, 2] is all of the map. */
  arrays: { codes: Float32Array; places: Float32Array; xy: Float32Array };
}

const keyOf = ({ id, sha256 }: Sample): string => `${id}:${sha256.slice(0, 16)}`;

/**
 * Puts every image on the map. `anew` forgets the map that is there; a map of another run is forgotten too. `laidOut` counts landmarks, `placed` those
 * that were placed among them; images that kept their place are in neither. Throws WinnowError.
 */
export async function makeMap(desk: Desk, run: Run, { seed, anew }: { seed: number; anew: boolean }, report: Report): Promise<{ placed: number; laidOut: number }> {
  const { db, table, folder, workspaceFolder } = desk;
  const samples = table.samples();
  if (!samples.length) throw new WinnowError('no-samples', 'There is no readable image in this folder.');
  const file = join(workspaceFolder, 'map.tensors');
  const before = anew ? undefined : keptMap(file, run);
  const places = new Map(before?.header.known.map((key, i) => [key, before.arrays.xy.subarray(i * 2, i * 2 + 2)]));

  const wanted = samples.filter((sample) => !places.has(keyOf(sample)));
  report.stage('Preparing pixels', wanted.length);
  const packed = await packPixels(db, folder, workspaceFolder, wanted, Number(run.parameters.sizePx), { signal: report.signal, onProgress: (done, total) => report.progress(done, total) });
  table.putScanned([], packed.issues.map((issue) => ({ ...issue, bytes: -1, modifiedMs: -1 })));

  let kept = before;
  let counts = { placed: 0, laidOut: 0 };
  if (packed.samples.length) {
    const { codes, size } = await encode(desk, run, { file: packed.file, sizePx: packed.sizePx, channels: 3, rows: packed.rows }, report);
    // On a map that is there the seed only tells points on one spot apart: each time it is another, or the next copy of an image would hide the last one.
    const { xy, landmarks } = await layOut(desk, codes, size, before ? seed + places.size : seed, before, report);
    packed.samples.forEach((sample, i) => places.set(keyOf(sample), xy.subarray(i * 2, i * 2 + 2)));
    counts = { placed: packed.samples.length - landmarks.length, laidOut: landmarks.length };
    const arrays = before?.arrays ?? { codes: rowsOf(codes, size, landmarks), places: rowsOf(xy, 2, landmarks) };
    kept = { header: { version: 1, run: identityOf(run), size, known: [...places.keys()] }, arrays: { ...arrays, xy: Float32Array.from([...places.values()].flatMap((p) => [...p])) } };
  }
  report.signal.throwIfAborted();
  // The file first: where a kill comes between, the next call finds the places there and only writes the columns.
  if (kept && kept !== before) writeTensors(file, { ...kept, arrays: { ...kept.arrays } });
  const shown = table.samples().filter((sample) => places.has(keyOf(sample)));
  const ids = shown.map(({ id }) => id);
  for (const [axis, name] of [[0, 'x'], [1, 'y']] as const) {
    table.putColumn(`map.${name}`, `Map ${name}`, run.id, ids, shown.map((sample) => places.get(keyOf(sample))![axis]));
  }
  return counts;
}

/** A run's id returns in a workspace that was thrown away and made anew; with its time it is this one. */
const identityOf = ({ id, createdAt }: Run): string => `${id} ${createdAt}`;

function keptMap(file: string, run: Run): KeptMap | undefined {
  const read = readTensors<Header>(file);
  if (read?.header.version !== 1 || read.header.run !== identityOf(run)) return undefined;
  const { codes, places, xy } = read.arrays;
  return { header: read.header, arrays: { codes, places, xy } };
}

async function encode(desk: Desk, run: Run, pixels: PixelSet, report: Report) {
  report.stage('Encoding', pixels.rows.length);
  return told(desk.compute.embed({ runFolder: runFolder(desk.workspaceFolder, run.id), pixels }, { signal: report.signal, onEvent: ({ done, total }) => report.progress(done, total) }));
}

async function layOut(desk: Desk, codes: Float32Array, size: number, seed: number, before: KeptMap | undefined, report: Report) {
  const placed = before && { codes: before.arrays.codes, xy: before.arrays.places };
  let stage = placed ? 'place' : 'lay-out';
  const tell = () => (stage === 'place' ? report.stage('Placing', 0) : report.stage('Laying out', 0, 'steps'));
  tell();
  return told(desk.compute.layout({ codes, size, seed, placed }, {
    signal: report.signal,
    onEvent: (event) => {
      if (event.stage !== stage) {
        stage = event.stage;
        tell();
      }
      report.progress(event.done, event.total);
    },
  }));
}

async function told<Result>(call: Promise<Result>): Promise<Result> {
  return call.catch((error: unknown) => {
    throw inWords(error);
  });
}

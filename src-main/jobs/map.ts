/**
 * The map of a folder: a 2-D projection in which similar images are close, as the columns `map.x` and `map.y`. The features are pretrained embeddings, or
 * the codes of a run's autoencoder. The landmarks and positions are stored in `map.tensors`, so new images are added without moving the others. A map
 * belongs to one model.
 */
import { join } from 'node:path';
import type { z } from 'zod';
import { scorerOf } from '../compute/anomaly/index.ts';
import { rowsOf } from '../compute/embed/landmarks.ts';
import { usual } from '../compute/models/pretrained.ts';
import { readTensors, writeTensors } from '../compute/tensor-file.ts';
import { WinnowError } from '../contract/errors.ts';
import type { mapSchema } from '../contract/schemas.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { embedSamples } from './embeddings.ts';
import { readFloats } from '../rows/row-reader.ts';
import { selectRows, type RowSet } from '../rows/row-set.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import type { Report } from '../workspace/report.ts';
import { runFolder } from '../workspace/runs.ts';
import { prepareImages } from './scorer-images.ts';

type MapRequest = z.infer<typeof mapSchema>;

export const mapJob: JobType<MapRequest> = {
  kind: 'map',
  prepare({ runId, seed, anew }, context) {
    const run = runId === null ? null : context.runs.get(runId);
    if (run && (run.kind !== 'rank' || run.state !== 'done' || !scorerOf(run.method)?.gives.code))
      throw new WinnowError(
        'no-run',
        `${run.id} is not a finished autoencoder. A map uses the codes of an autoencoder, or pretrained embeddings.`,
      );
    return {
      title: 'Map',
      async run(report) {
        const source = run ? mapByRun(context, run, report) : mapByEmbeddings(context, report);
        const { placed, landmarks } = await makeMap(context, source, { seed, anew }, report);
        return landmarks
          ? `${plural(placed + landmarks, 'image')} on the map of ${source.id}`
          : `${plural(placed, 'new image')} added to the map`;
      },
    };
  },
};

/** The file beside the workspace's database. */
interface Header {
  version: 1;
  /** Identity of the source of the codes. */
  run: string;
  /** Length of a code. */
  size: number;
  /** Key of each row of `xy`: id and content hash of the sample. */
  known: string[];
}

interface StoredMap {
  header: Header;
  /** `codes` [landmarks, size] and `places` [landmarks, 2] place new images; `xy` [known, 2] has all positions. */
  arrays: { codes: Float32Array; places: Float32Array; xy: Float32Array };
}

/** Key of a placed image: it changes with the content. */
const imageKey = ({ id, sha256 }: Sample): string => `${id}:${sha256.slice(0, 16)}`;

/** Where the features of the images come from. */
export interface MapSource {
  /** Id shown as the origin of the columns. */
  id: string;
  /** Differs if other weights or another run has the same id. */
  identity: string;
  /** Codes of the readable samples. */
  codes(samples: readonly Sample[]): Promise<Codes>;
}

/** [samples, size], or embeddings whose first `size` numbers they are, in use until this is disposed of. */
interface Codes extends Disposable {
  samples: readonly Sample[];
  codes: Float32Array | RowSet;
  size: number;
}

/** The embeddings of bundled weights. */
export const mapByEmbeddings = (context: JobContext, report: Report, source = usual): MapSource => ({
  id: source.id,
  identity: `${source.id}@${source.sha256.slice(0, 8)}`,
  async codes(wanted) {
    const embedded = await embedSamples(context, wanted, report, source);
    return {
      samples: embedded.samples,
      codes: embedded.set,
      size: source.last,
      [Symbol.dispose]: () => embedded[Symbol.dispose](),
    };
  },
});

/** The codes of a run's model. */
export const mapByRun = (context: JobContext, run: Run, report: Report): MapSource => ({
  id: run.id,
  identity: `${run.id} ${run.createdAt}`, // a new workspace may reuse the run's id
  async codes(wanted) {
    const scorer = scorerOf(run.method)!;
    using images = await prepareImages(context, scorer, run.parameters, wanted, report);
    const { samples } = images;
    const { codes, size } = samples.length
      ? await encode(context, run, images.set, report)
      : { codes: new Float32Array(0), size: 1 };
    return { samples, codes, size, [Symbol.dispose]: () => undefined };
  },
});

/**
 * Puts every image on the map. `anew`, or another source, discards the existing map. Returns the number of landmarks of a new layout, and of images placed
 * among landmarks; images that kept their position are in neither count. Throws WinnowError.
 */
export async function makeMap(
  context: JobContext,
  source: MapSource,
  { seed, anew }: { seed: number; anew: boolean },
  report: Report,
): Promise<{ placed: number; landmarks: number }> {
  const { table, workspaceFolder } = context;
  const samples = table.samples();
  if (!samples.length) throw new WinnowError('no-samples', 'There is no readable image in this folder.');
  const file = join(workspaceFolder, 'map.tensors');
  const before = anew ? undefined : readMap(file, source);
  const places = new Map(before?.header.known.map((key, i) => [key, before.arrays.xy.subarray(i * 2, i * 2 + 2)]));

  const wanted = samples.filter((sample) => !places.has(imageKey(sample)));
  using found = await source.codes(wanted);
  const { samples: fresh, codes, size } = found;

  let stored = before;
  let counts = { placed: 0, landmarks: 0 };
  if (fresh.length) {
    // On an existing map the seed only separates points on the same position. It changes each time, so that copies of an image do not hide each other.
    const { xy, landmarks } = await computeLayout(
      context,
      codes,
      size,
      before ? seed + places.size : seed,
      before,
      report,
    );
    fresh.forEach((sample, i) => places.set(imageKey(sample), xy.subarray(i * 2, i * 2 + 2)));
    counts = { placed: fresh.length - landmarks.length, landmarks: landmarks.length };
    const arrays = before?.arrays ?? { codes: codesAt(codes, size, landmarks), places: rowsOf(xy, 2, landmarks) };
    stored = {
      header: { version: 1, run: source.identity, size, known: [...places.keys()] },
      arrays: { ...arrays, xy: Float32Array.from([...places.values()].flatMap((p) => [...p])) },
    };
  }
  report.signal.throwIfAborted();
  // Write the file first: after a crash in between, the next call finds the positions and only writes the columns.
  if (stored && stored !== before)
    writeTensors(file, { ...stored, arrays: { ...stored.arrays }, shapes: shapesOf(stored) });
  const shown = table.samples().filter((sample) => places.has(imageKey(sample)));
  const ids = shown.map(({ id }) => id);
  table.write(() => {
    for (const [axis, name] of [
      [0, 'x'],
      [1, 'y'],
    ] as const) {
      table.putColumn(
        `map.${name}`,
        `Map ${name}`,
        source.id,
        ids,
        shown.map((sample) => places.get(imageKey(sample))![axis]),
      );
    }
  });
  return counts;
}

const codesAt = (codes: Float32Array | RowSet, size: number, positions: Int32Array): Float32Array =>
  'file' in codes ? readFloats(selectRows(codes, positions), size) : rowsOf(codes, size, positions);

function shapesOf({ header: { size, known }, arrays: { codes } }: StoredMap): Record<string, number[]> {
  const landmarks = codes.length / size;
  return { codes: [landmarks, size], places: [landmarks, 2], xy: [known.length, 2] };
}

function readMap(file: string, { identity }: MapSource): StoredMap | undefined {
  const read = readTensors<Header>(file);
  if (read?.header.version !== 1 || read.header.run !== identity) return undefined;
  const { codes, places, xy } = read.arrays;
  return { header: read.header, arrays: { codes, places, xy } };
}

async function encode(context: JobContext, run: Run, images: RowSet, report: Report) {
  report.stage('Encoding', images.rows.length);
  return context.compute.call(
    'embed',
    { runFolder: runFolder(context.workspaceFolder, run.id), images },
    { signal: report.signal, onEvent: ({ done, total }) => report.progress(done, total) },
  );
}

async function computeLayout(
  context: JobContext,
  codes: Float32Array | RowSet,
  size: number,
  seed: number,
  before: StoredMap | undefined,
  report: Report,
) {
  const placed = before && { codes: before.arrays.codes, xy: before.arrays.places };
  let stage = placed ? 'place' : 'lay-out';
  const reportStage = () =>
    stage === 'place' ? report.stage('Placing new images', 0) : report.stage('Computing the layout', 0, 'steps');
  reportStage();
  return context.compute.call(
    'layout',
    { codes, size, seed, placed },
    {
      signal: report.signal,
      onEvent: (event) => {
        if (event.stage !== stage) {
          stage = event.stage;
          reportStage();
        }
        report.progress(event.done, event.total);
      },
    },
  );
}

/**
 * Explains all images of the folder by one network: where does it look? The mean map of each predicted class is kept with the run. For images with a mask of what
 * matters, the column `<run>.outside` has the fraction of the positive evidence that lies outside of the mask: an image that is right for the wrong reason has much.
 */
import { join } from 'node:path';
import type { z } from 'zod';
import { methodOf } from '../compute/inside/methods/index.ts';
import { readTensors, writeTensors } from '../compute/tensor-file.ts';
import type { Arrays } from '../contract/arrays.ts';
import { WinnowError } from '../contract/errors.ts';
import type { ClassMaps } from '../contract/inside.ts';
import { resample } from '../contract/resample.ts';
import type { evidenceSchema } from '../contract/schemas.ts';
import { plural } from '../contract/words.ts';
import type { Mask } from '../image/mask.ts';
import type { Report } from '../workspace/report.ts';
import type { JobContext } from './context.ts';
import { explainImage, reasonWithoutMap } from './inside-explain.ts';
import { resolveSubject, subjectFolder } from './inside-subject.ts';
import type { JobType } from './job-type.ts';
import { findMasks, Masks } from './masks.ts';

type EvidenceRequest = z.infer<typeof evidenceSchema>;

/** Rows and columns of mean maps: every image is stretched to them. */
const side = 32;

interface Header {
  version: 1;
  classes: ClassMaps['classes'];
  method: string;
  layer: string | null;
}

const fileOf = (context: JobContext, run: string): string => join(subjectFolder(context, run), 'evidence.tensors');

export const evidenceJob: JobType<EvidenceRequest> = {
  kind: 'evidence',
  prepare(request, context) {
    const { classes, kind } = resolveSubject(context, request.run);
    if (!methodOf(request.method)) throw new WinnowError('bad-request', `There is no method ‘${request.method}’.`);
    if (!classes.length && kind !== 'autoencoder' && kind !== 'detector')
      throw new WinnowError(
        'bad-request',
        `${request.run} has no named classes. Choose a classifier that was trained on this folder.`,
      );
    return {
      title: `Where does ${request.run} look?`,
      run: (report) => collect(context, request, report),
    };
  },
};

async function collect(context: JobContext, request: EvidenceRequest, report: Report): Promise<string> {
  const { run: id } = request;
  const { folds } = resolveSubject(context, id);
  report.stage('Reading masks', 0);
  const all = context.table.samples();
  const found = await findMasks(context.folder, all, null, report.signal);
  const masks = new Masks();
  const byId = new Map(all.map((sample) => [sample.id, sample]));
  const { hasDefect } = await masks.look(found, byId, context.workspaceFolder, report.signal);
  const samples = all.filter((sample) => !found.own.has(sample.id));
  if (!samples.length) throw new WinnowError('no-samples', 'There is no readable image in this folder.');
  report.stage('Explaining', samples.length);
  const sums = new Map<string, { images: number; sum: Float64Array }>();
  const outside = new Map<number, number>();
  let [layer, failed, reason]: [string | null, number, string] = [null, 0, ''];
  for (const [i, sample] of samples.entries()) {
    report.signal.throwIfAborted();
    try {
      const { header, map } = await explainImage(
        context,
        { ...request, sampleId: sample.id },
        { signal: report.signal },
      );
      ({ layer } = header);
      const grid = evidenceOf(resample(map, header.rows, header.columns, side, side));
      const own = sums.get(header.target) ?? { images: 0, sum: new Float64Array(side * side) };
      own.images++;
      grid?.forEach((value, at) => (own.sum[at] += value));
      sums.set(header.target, own);
      if (hasDefect.get(sample.id)) {
        const mask = await masks.read(found.files.get(sample.id)!, sample);
        const share = shareOutside(resample(map, header.rows, header.columns, mask.rows, mask.columns), mask);
        if (share !== null) outside.set(sample.id, share);
      }
    } catch (error) {
      reason = reasonWithoutMap(error);
      failed++;
    }
    report.progress(i + 1);
  }
  if (failed === samples.length) throw new WinnowError('bad-request', reason);
  const order = [...sums].sort(([a], [b]) => a.localeCompare(b));
  const header: Header = {
    version: 1,
    classes: order.map(([name, { images }]) => ({ name, images })),
    method: request.method,
    layer,
  };
  const maps = new Float32Array(order.length * side * side);
  order.forEach(([, { images, sum }], i) =>
    maps.set(
      Float32Array.from(sum, (value) => value / images),
      i * side * side,
    ),
  );
  writeTensors(fileOf(context, id), { header, arrays: { maps }, shapes: { maps: [order.length, side, side] } });
  // Without masks, values of an earlier method or of masks that are gone do not stay.
  const column = `${id}.outside`;
  if (outside.size || context.table.columns().some(({ name }) => name === column))
    context.table.putColumn(
      column,
      `Evidence of ${id} outside of the mask`,
      context.runs.list().some((run) => run.id === id) ? id : null,
      [...outside.keys()],
      [...outside.values()],
    );
  const without = found.files.size ? '' : '; without masks, nothing says whether they are the right places';
  return `${plural(samples.length - failed, 'image')} explained${outside.size ? `, ${plural(outside.size, 'image')} compared with masks` : without}${failed ? `; ${plural(failed, 'image')} without a map` : ''}${folds > 1 ? `; by the first network of ${folds} folds` : ''}`;
}

/** The positive part of a map with a sum of 1, so that all images count alike; null if there is none. */
function evidenceOf(grid: Float32Array): Float32Array | null {
  const positive = grid.map((value) => Math.max(0, value));
  const sum = positive.reduce((total, value) => total + value, 0);
  return sum > 0 ? positive.map((value) => value / sum) : null;
}

/** The fraction of the positive values that lies outside of the mask; null if there are none. `map` has the grid of the mask. */
export function shareOutside(map: Float32Array, { data }: Pick<Mask, 'data'>): number | null {
  let [all, out] = [0, 0];
  map.forEach((value, i) => {
    if (value <= 0) return;
    all += value;
    if (!data[i]) out += value;
  });
  return all > 0 ? out / all : null;
}

/** The mean maps of the last evidence job of the network. Throws `no-map` before the first. */
export function classMapsOf(context: JobContext, { run }: { run: string }): Arrays<ClassMaps> {
  resolveSubject(context, run);
  const file = readTensors<Header>(fileOf(context, run));
  if (file?.header.version !== 1)
    throw new WinnowError('no-map', 'The images have not been explained yet. Start it with ‘Where does it look?’.');
  const { classes, method, layer } = file.header;
  return {
    header: { rows: side, columns: side, classes, method, layer },
    arrays: { maps: file.arrays.maps },
  };
}

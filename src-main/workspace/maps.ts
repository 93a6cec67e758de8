/** Error maps of a run: one for the window when it asks, or all of them as files. */
import { WinnowError } from '../contract/errors.ts';
import type { Run, Sample } from '../contract/types.ts';
import type { MapResult } from '../compute/protocol.ts';
import { encodeGray16 } from '../image/encode.ts';
import type { OutputFolder } from '../file/output-folder.ts';
import type { JobContext } from '../jobs/context.ts';
import type { Report } from './jobs.ts';
import { pixelRecipe } from './pixels.ts';
import { hasMaps } from './rank.ts';
import { runFolder } from './runs.ts';

/** Reconstruction and error map of one sample. Throws WinnowError. */
export async function mapOf(
  { rows, table, compute, folder, workspaceFolder }: JobContext,
  run: Run,
  sampleId: number,
): Promise<MapResult> {
  const sample = table.sample(sampleId);
  if (!sample) throw new WinnowError('no-samples', `There is no sample ${sampleId} in this folder any more.`);
  if (!hasMaps(run.method))
    throw new WinnowError('bad-request', `${run.id} compares whole images: it has no error maps.`);
  const sizePx = Number(run.parameters.sizePx);
  using packed = await rows.make(pixelRecipe(folder, { sizePx }), [sample]);
  if (!packed.samples.length)
    throw new WinnowError('no-samples', packed.issues[0]?.message ?? 'The image can no longer be read.');
  return await compute.map({ runFolder: runFolder(workspaceFolder, run.id), pixels: packed.set });
}

export const mapName = ({ path }: Sample): string => `${path}.png`;

/** 16-bit gray PNGs, `<path>.png`; white is the run's `mapScale`. */
export async function writeMaps(context: JobContext, run: Run, to: OutputFolder, report: Report): Promise<void> {
  const samples = context.table.samples();
  const scale = Number(run.report.mapScale) || 1;
  report.stage('Writing error maps', samples.length);
  for (const [i, sample] of samples.entries()) {
    report.signal.throwIfAborted();
    const { map, sizePx } = await mapOf(context, run, sample.id);
    await to.write(mapName(sample), await encodeGray16(map, sizePx, sizePx, scale));
    report.progress(i + 1);
  }
}

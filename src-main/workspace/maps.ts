/** Error maps of a run: one for the window when it asks, or all of them as files. */
import { WinnowError } from '../contract/errors.ts';
import type { Run, Sample } from '../contract/types.ts';
import type { MapResult } from '../compute/anomaly/map.ts';
import { encodeGray16 } from '../image/encode.ts';
import { packPixels } from '../image/pixel-cache.ts';
import type { OutputFolder } from '../file/output-folder.ts';
import type { Report } from './jobs.ts';
import { hasMaps, runFolder, type Desk } from './rank.ts';

/** Reconstruction and error map of one sample. Throws WinnowError. */
export async function mapOf(
  { db, table, compute, folder, workspaceFolder }: Desk,
  run: Run,
  sampleId: number,
): Promise<MapResult> {
  const sample = table.sample(sampleId);
  if (!sample) throw new WinnowError('no-samples', `There is no sample ${sampleId} in this folder any more.`);
  if (!hasMaps(run.method))
    throw new WinnowError('bad-request', `${run.id} compares whole images: it has no error maps.`);
  const sizePx = Number(run.parameters.sizePx);
  const packed = await packPixels(db, folder, workspaceFolder, [sample], sizePx, {
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  if (!packed.samples.length)
    throw new WinnowError('no-samples', packed.issues[0]?.message ?? 'The image can no longer be read.');
  return compute.call('map', {
    runFolder: runFolder(workspaceFolder, run.id),
    pixels: { file: packed.file, sizePx, channels: 3, rows: packed.rows },
  });
}

export const mapName = ({ path }: Sample): string => `${path}.png`;

/** 16-bit gray PNGs, `<path>.png`; white is the run's `mapScale`. */
export async function writeMaps(desk: Desk, run: Run, to: OutputFolder, report: Report): Promise<void> {
  const samples = desk.table.samples();
  const scale = Number(run.report.mapScale) || 1;
  report.stage('Writing error maps', samples.length);
  for (const [i, sample] of samples.entries()) {
    report.signal.throwIfAborted();
    const { map, sizePx } = await mapOf(desk, run, sample.id);
    await to.write(mapName(sample), await encodeGray16(map, sizePx, sizePx, scale));
    report.progress(i + 1);
  }
}

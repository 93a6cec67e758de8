/** Pixels as rows of the row store: each image as a small square of uint8 RGB, decoded once for each size and fit. */
import type { Sample } from '../contract/types.ts';
import { makeRow, type Fit } from '../image/pixels.ts';
import { withImage } from '../image/scanned.ts';
import type { JobContext } from './context.ts';
import type { RowRecipe, Rows } from '../rows/row-store.ts';
import type { Report } from '../workspace/report.ts';

export interface PixelSettings {
  sizePx: number;
  /** Default: stretch. */
  fit?: Fit;
}

export const pixelRecipe = (folder: string, { sizePx, fit = 'stretch' }: PixelSettings): RowRecipe => ({
  kind: 'pixels',
  settings: `${sizePx}${fit === 'stretch' ? '' : `-${fit}`}`,
  type: 'uint8',
  shape: [sizePx, sizePx, 3],
  decode: (sample) => withImage(folder, sample, (image) => makeRow(image, sizePx, fit)),
});

/** The samples' pixels, as a stage of a job. Files that can no longer be read become issues. Throws WinnowError. */
export async function packPixels(
  { rows, table, folder }: Pick<JobContext, 'rows' | 'table' | 'folder'>,
  samples: readonly Sample[],
  settings: PixelSettings,
  report: Report,
): Promise<Rows> {
  report.stage('Preparing pixels', samples.length);
  const packed = await rows.make(pixelRecipe(folder, settings), samples, {
    signal: report.signal,
    onProgress: (done, missing) => report.progress(done, missing),
  });
  table.putIssues(packed.issues);
  return packed;
}

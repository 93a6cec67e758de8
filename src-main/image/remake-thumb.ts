/** Thumbnails that are missing although their image was scanned. */
import type { Sample } from '../contract/types.ts';
import { makeThumb } from './pixels.ts';
import { withImage } from './scanned.ts';
import { writeThumb } from './thumb-file.ts';

/** Makes a missing thumbnail again and returns it, even if it cannot be stored. Throws if the image is gone or has changed. */
export async function remakeThumb(
  folder: string,
  workspaceFolder: string,
  sample: Pick<Sample, 'path' | 'sha256' | 'bytes'>,
): Promise<Buffer> {
  const { bytes } = await withImage(folder, sample, makeThumb);
  try {
    writeThumb(workspaceFolder, sample.sha256, bytes);
  } catch {
    // The next job that writes to the workspace reports the error.
  }
  return bytes;
}

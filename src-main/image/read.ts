/** Reads one file for the scan with one decode: hash, size, thumbnail (stored under the hash), measures, fingerprint. It runs in the readers' processes. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Sample, ValueRange } from '../contract/types.ts';
import { workspaceFault } from '../file/fault.ts';
import { readBytes } from './bytes.ts';
import { toDecodeError, decodableFormat, openImage } from './decode.ts';
import type { Levels } from './levels.ts';
import type { Measures } from './measure.ts';
import { makeThumb } from './pixels.ts';
import { withImage } from './scanned.ts';

export interface ReadRequest {
  folder: string;
  workspaceFolder: string;
  path: string;
  bytes: number;
  /** Of the folder; none for images that are no samples. */
  levels?: Levels;
}
export interface Reading {
  sha256: string;
  width: number;
  height: number;
  format: string;
  frames: number;
  notice?: string;
  values?: ValueRange;
  measures: Measures;
  fingerprint: Uint8Array;
}

/** The path of the thumbnail of a file with this hash. */
export const thumbFile = (workspaceFolder: string, sha256: string) =>
  join(workspaceFolder, 'thumbs', sha256.slice(0, 2), `${sha256}.jpg`);
/** Thumbnails are written here and then renamed. A killed process leaves files here, so each scan clears the folder. */
const partsFolder = (workspaceFolder: string) => join(workspaceFolder, 'thumbs', 'part');

/** Throws DecodeError for an issue of the image, the system's error if the file cannot be read, and WinnowError for an error of the workspace. */
export async function readImage({ folder, workspaceFolder, path, levels }: ReadRequest): Promise<Reading> {
  const { bytes, sha256 } = await readBytes(join(folder, path), (head) => void decodableFormat(head, path));
  const image = await openImage(bytes, path, levels);
  const thumb = await makeThumb(image).catch((error: unknown) => {
    throw toDecodeError(error, bytes);
  });
  const { width, height, format, frames, notice, values } = image;
  if (values || !existsSync(thumbFile(workspaceFolder, sha256))) writeThumb(workspaceFolder, sha256, thumb.bytes);
  return {
    sha256,
    width,
    height,
    format,
    frames,
    notice,
    values,
    measures: thumb.measures,
    fingerprint: thumb.fingerprint,
  };
}

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

let serial = 0;

/** Writes a thumbnail atomically: it may be requested at any time. Throws WinnowError. */
function writeThumb(workspaceFolder: string, sha256: string, bytes: Uint8Array) {
  const target = thumbFile(workspaceFolder, sha256);
  const part = join(partsFolder(workspaceFolder), `${sha256}-${process.pid}-${serial++}`);
  try {
    try {
      place(part, target, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      for (const folder of [part, target].map(dirname)) mkdirSync(folder, { recursive: true });
      place(part, target, bytes);
    }
  } catch (error) {
    try {
      rmSync(part, { force: true });
    } catch {
      // The first error is thrown.
    }
    throw workspaceFault(error);
  }
}

function place(part: string, target: string, bytes: Uint8Array) {
  writeFileSync(part, bytes);
  renameSync(part, target);
}

/** Removes unfinished thumbnails of killed readers. */
export const clearParts = (workspaceFolder: string) =>
  rmSync(partsFolder(workspaceFolder), { recursive: true, force: true });

/** The files of the thumbnails in a workspace, each named by the hash of its image. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { workspaceFault } from '../file/fault.ts';

/** The longer side, in pixels. Smaller images are not enlarged. */
export const thumbSidePx = 256;
/** Of JPEG, which encodes four times as fast as WebP. */
export const thumbQuality = 85;

/** The path of the thumbnail of a file with this hash. */
export const thumbFile = (workspaceFolder: string, sha256: string) =>
  join(workspaceFolder, 'thumbs', sha256.slice(0, 2), `${sha256}.jpg`);
/** Thumbnails are written here and then renamed. A killed process leaves files here, so each scan clears the folder. */
const partsFolder = (workspaceFolder: string) => join(workspaceFolder, 'thumbs', 'part');

let serial = 0;

/** Writes a thumbnail atomically: it may be requested at any time. Throws WinnowError. */
export function writeThumb(workspaceFolder: string, sha256: string, bytes: Uint8Array) {
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

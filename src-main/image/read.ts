/**
 * All that a scan learns of one file, in one decode: hash, size, thumbnail (written by content hash), measures, fingerprint. Runs in the engine for a few
 * files and in readers (threads) for many, so it works synchronously on the disk: a thread of its own may wait.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fingerprint } from '../duplicate/fingerprint.ts';
import { asDecodeError, openImage } from './decode.ts';
import type { Measures } from './measure.ts';
import { makeThumb } from './pixels.ts';
import { DecodeError } from './raw.ts';

export interface ReadRequest { folder: string; workspaceFolder: string; path: string; bytes: number }
export interface Reading {
  sha256: string; width: number; height: number; format: string; frames: number;
  measures: Measures; fingerprint: Uint8Array;
}

/** A file above this is not read into memory. */
const maxFileBytes = 2 ** 30;

export const thumbFile = (workspaceFolder: string, sha256: string) => join(workspaceFolder, 'thumbs', sha256.slice(0, 2), `${sha256}.jpg`);

/** Throws DecodeError for what is wrong with the image, and the system's own error for what is wrong with a disk. */
export async function readImage({ folder, workspaceFolder, path, bytes: size }: ReadRequest): Promise<Reading> {
  if (size > maxFileBytes) throw new DecodeError('too-large', 'The file is larger than 1 GiB.');
  const bytes = readFileSync(join(folder, path));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const image = await openImage(bytes, path);
  const thumb = await makeThumb(image).catch((error: unknown) => {
    throw asDecodeError(error, bytes);
  });
  const target = thumbFile(workspaceFolder, sha256);
  if (!existsSync(target)) writeThumb(target, thumb.bytes);
  const { width, height, format, frames } = image;
  return { sha256, width, height, format, frames, measures: thumb.measures, fingerprint: fingerprint(thumb.data, thumb.width, thumb.height, thumb.channels) };
}

/** Where a thumbnail was lost, as when somebody tidied up, it is made again. Throws where the image is gone too. */
export async function remakeThumb(folder: string, workspaceFolder: string, { path, sha256 }: { path: string; sha256: string }): Promise<string> {
  const { bytes } = await makeThumb(await openImage(readFileSync(join(folder, path)), path));
  const target = thumbFile(workspaceFolder, sha256);
  writeThumb(target, bytes);
  return target;
}

let serial = 0;

/** Whole or not there: a door may ask for it at any time. */
function writeThumb(target: string, bytes: Uint8Array) {
  const part = `${target}.${process.pid}-${serial++}-${Math.random().toString(36).slice(2, 8)}.part`;
  try {
    try {
      writeFileSync(part, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(part, bytes);
    }
    renameSync(part, target);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

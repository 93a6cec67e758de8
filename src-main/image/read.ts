/**
 * Reads one file for the scan with one decode: hash, size, thumbnail (stored under the hash), measures, fingerprint. It runs in the readers' processes. Most files are
 * plain, and the native reader does it all in one request to a thread; the decoders for the others are loaded when the first of them is met.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ValueRange } from '../contract/types.ts';
import { askDisk } from '../file/gate.ts';
import { native } from '../native/index.ts';
import { pixelBudget } from './budget.ts';
import { measuresOf, type Measures } from './measure.ts';
import type { Rendering } from './rendering.ts';
import { thumbFile, thumbQuality, thumbSidePx, writeThumb } from './thumb-file.ts';

export interface ReadRequest {
  folder: string;
  workspaceFolder: string;
  path: string;
  bytes: number;
  /** Of the folder; none for images that are no samples. */
  rendering?: Rendering;
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

/** Throws DecodeError for an issue of the image, the system's error if the file cannot be read, and WinnowError for an error of the workspace. */
export async function readImage(request: ReadRequest): Promise<Reading> {
  const { folder, workspaceFolder, path } = request;
  const { thumb, ...reading } =
    (await readNatively(join(folder, path))) ?? (await (await import('./read-decoded.ts')).readDecoded(request));
  // With another rendering, the same file has another thumbnail.
  if (reading.values || reading.frames > 1 || !existsSync(thumbFile(workspaceFolder, reading.sha256)))
    writeThumb(workspaceFolder, reading.sha256, thumb);
  return reading;
}

/** Null if the file is not plain, large, or cannot be read: the decoders then tell what it is. */
async function readNatively(file: string): Promise<(Reading & { thumb: Uint8Array }) | null> {
  const reader = native;
  if (!reader) return null;
  const made = await pixelBudget.hold(reader.pixelsAtOnce, () =>
    askDisk(() => reader.read(file, thumbSidePx, thumbQuality)),
  );
  if (!made) return null;
  const { sha256, format, fingerprint, bytes } = made;
  const [width, height] = made.size;
  const measures = measuresOf(made.tally, made.width, made.height);
  return { sha256, width, height, format, frames: 1, measures, fingerprint, thumb: bytes };
}

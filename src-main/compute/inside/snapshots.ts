/**
 * Kernels of the small layers of a network, kept while it trains: after its initialisation, and after a few epochs. They show how filters form. Only layers of at
 * most 16,384 values are kept, so that a snapshot takes at most 1 MiB.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Piece } from '../models/scope.ts';
import { sizeOf } from '../models/scope.ts';
import { readTensors, writeTensors } from '../tensor-file.ts';

const mostValues = 2 ** 14;
const mostSnapshotValues = 2 ** 18;
/** At most this many snapshots are kept. */
export const mostSnapshots = 16;

const folderOf = (runFolder: string): string => path.join(runFolder, 'snapshots');
const fileOf = (runFolder: string, epoch: number): string => path.join(folderOf(runFolder), `${epoch}.bin`);

/** Whether epoch `epoch` of `epochs` is kept: all of the first ones, then at growing distances. */
export function isKept(epoch: number, epochs: number): boolean {
  if (epochs < mostSnapshots || epoch === epochs) return true;
  // Epochs at equal distances of their square root.
  const place = (e: number): number => Math.floor(Math.sqrt(e / epochs) * (mostSnapshots - 1) + 1e-9);
  return epoch === 0 || place(epoch) > place(epoch - 1);
}

/** Writes a snapshot. `weights`: the flat weights; `pieces`: their parts. */
export function writeSnapshot(runFolder: string, epoch: number, weights: Float32Array, pieces: readonly Piece[]): void {
  const arrays: Record<string, Float32Array> = {};
  const shapes: Record<string, number[]> = {};
  let [at, total] = [0, 0];
  for (const { name, shape } of pieces) {
    const size = sizeOf(shape);
    if (name.endsWith('/kernel') && size <= mostValues && total + size <= mostSnapshotValues) {
      arrays[name] = weights.slice(at, at + size);
      shapes[name] = shape;
      total += size;
    }
    at += size;
  }
  if (!total) return;
  fs.mkdirSync(folderOf(runFolder), { recursive: true });
  writeTensors(fileOf(runFolder, epoch), { header: { epoch }, arrays, shapes });
}

/** Epochs that have a snapshot, in order. */
export function snapshotEpochs(runFolder: string): number[] {
  if (!fs.existsSync(folderOf(runFolder))) return [];
  return fs
    .readdirSync(folderOf(runFolder))
    .flatMap((name) => (/^\d+\.bin$/.test(name) ? [Number.parseInt(name, 10)] : []))
    .sort((a, b) => a - b);
}

/** The kernels of an epoch by name; undefined if the file is missing or damaged. */
export const readSnapshot = (runFolder: string, epoch: number): Record<string, Float32Array> | undefined =>
  readTensors(fileOf(runFolder, epoch))?.arrays;

export const snapshotBytes = (runFolder: string): number =>
  snapshotEpochs(runFolder).reduce((sum, epoch) => sum + fs.statSync(fileOf(runFolder, epoch)).size, 0);

/**
 * Kernels of the small layers of a network, kept while it trains: after its initialisation, and after a few epochs. They show how filters form. Only layers of at
 * most 16,384 values are kept, so that a snapshot takes at most 1 MiB.
 */
import fs from 'node:fs';
import path from 'node:path';
import { tf } from '../backend.ts';
import type { Architecture, Network } from '../models/network.ts';
import { sizeOf, type Piece } from '../models/scope.ts';
import { readBack } from '../read-back.ts';
import { readTensors, writeTensors } from '../tensor-file.ts';
import type { Callback } from '../train/callbacks.ts';

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

/** The kernels that are kept, and where each begins in the flat weights. */
export function keptPieces(pieces: readonly Piece[]): (Piece & { at: number })[] {
  let [at, total] = [0, 0];
  return pieces.flatMap((piece) => {
    const [from, size] = [at, sizeOf(piece.shape)];
    at += size;
    if (!piece.name.endsWith('/kernel') || size > mostValues || total + size > mostSnapshotValues) return [];
    total += size;
    return [{ ...piece, at: from }];
  });
}

/**
 * Keeps snapshots in the folder of a training: of epoch 0 when it begins, then of the epochs that `isKept` names. A training that resumes continues the series, and
 * one that begins anew removes an earlier one. With a moving average of the weights, the average is kept, since it is what the run becomes.
 */
export function snapshots(runFolder: string, epochs: number): Callback {
  return {
    async onTrainBegin({ epoch, network }) {
      if (epoch > 0) return;
      fs.rmSync(folderOf(runFolder), { recursive: true, force: true });
      await writeSnapshot(runFolder, 0, network);
    },
    async onEpochEnd(state, { epoch }) {
      if (isKept(epoch, epochs)) await state.averaged(() => writeSnapshot(runFolder, epoch, state.network));
    },
  };
}

/** Writes the snapshot of an epoch; nothing if all kernels are too large. */
export async function writeSnapshot(
  runFolder: string,
  epoch: number,
  { weights, pieces }: Network<Architecture>,
): Promise<void> {
  const kept = keptPieces(pieces);
  if (!kept.length) return;
  const arrays: Record<string, Float32Array> = {};
  for (const { name, shape, at } of kept) arrays[name] = await readBack(tf.slice(weights, [at], [sizeOf(shape)]));
  fs.mkdirSync(folderOf(runFolder), { recursive: true });
  writeTensors(fileOf(runFolder, epoch), {
    header: { epoch },
    arrays,
    shapes: Object.fromEntries(kept.map(({ name, shape }) => [name, shape])),
  });
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

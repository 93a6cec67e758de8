/** The inner loops in C++ (`loops.cc`), null if they are not compiled or with `WINNOW_KERNELS=off`. Each caller has a TypeScript version with bit-identical results. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { compiledFile } from '../kernels/index.ts';

interface Loops {
  lookUp(image: Uint8Array, table: Uint8Array): void;
  lookUpEach(image: Uint8Array, tables: Uint8Array): void;
  graySum(image: Uint8Array): number;
  count(image: Uint8Array, counts: Uint32Array): void;
  saturate(image: Uint8Array, own: number, other: number): void;
  sharpen(image: Uint8Array, source: Uint8Array, sizePx: number, weight: number): void;
  warpNearest(image: Uint8Array, source: Uint8Array, sizePx: number, matrix: Float64Array): void;
  warpSmooth(image: Uint8Array, source: Uint8Array, sizePx: number, matrix: Float64Array): void;
}

export const loops: Loops | null = load();

function load(): Loops | null {
  const file = process.env.WINNOW_KERNELS === 'off' ? undefined : compiledFile('augment-');
  if (!file || !fs.existsSync(file)) return null;
  try {
    return createRequire(import.meta.url)(file) as Loops;
  } catch {
    return null; // the TypeScript versions are slower and give the same results
  }
}

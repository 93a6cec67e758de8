/** Embeddings as they lie on the disk, read back in order. */
import { closeSync, openSync, readSync } from 'node:fs';

/** Rows of a file of floats: row r starts at byte r · size · 4. A position is an index into `rows`. */
export interface EmbeddingSet {
  file: string;
  size: number;
  rows: Int32Array;
}

/** Rows of these embeddings, in order, in blocks of at most 16 MiB: [n, width], the first `width` numbers of each. */
export function* embeddingBlocks(
  { file, size, rows }: EmbeddingSet,
  width = size,
): Generator<{ from: number; codes: Float32Array }> {
  if (!rows.length) return;
  const source = openSync(file, 'r');
  const perBlock = Math.max(1, Math.floor(2 ** 22 / size));
  try {
    for (let from = 0; from < rows.length; from += perBlock) {
      const count = Math.min(perBlock, rows.length - from);
      const codes = new Float32Array(count * size);
      const bytes = new Uint8Array(codes.buffer);
      for (let i = 0; i < count;) {
        let run = 1;
        while (i + run < count && rows[from + i + run] === rows[from + i] + run) run++;
        for (let at = 0; at < run * size * 4;) {
          const got = readSync(source, bytes, i * size * 4 + at, run * size * 4 - at, rows[from + i] * size * 4 + at);
          if (!got)
            throw new Error(
              `The embeddings in ${file} end before row ${rows[from + i] + Math.floor(at / (size * 4))}. Start again: rows that are missing are made anew.`,
            );
          at += got;
        }
        i += run;
      }
      yield { from, codes: width < size ? firstOf(codes, size, width) : codes };
    }
  } finally {
    closeSync(source);
  }
}

function firstOf(codes: Float32Array, size: number, width: number): Float32Array {
  const out = new Float32Array((codes.length / size) * width);
  for (let i = 0; i < codes.length / size; i++) out.set(codes.subarray(i * size, i * size + width), i * width);
  return out;
}

/** All of them at once: [n, width]. */
export function readEmbeddings(set: EmbeddingSet, width = set.size): Float32Array {
  const out = new Float32Array(set.rows.length * width);
  for (const { from, codes } of embeddingBlocks(set, width)) out.set(codes, from * width);
  return out;
}

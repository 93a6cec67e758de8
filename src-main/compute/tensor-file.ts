/**
 * Named float arrays and a JSON header in one file, for models and checkpoints: 8 bytes of header length, the header, the floats.
 * Written beside its place and renamed, so that a reader finds the old file or the new one and never half of either.
 */
import fs from 'node:fs';
import path from 'node:path';

export interface TensorFile<Header> {
  header: Header;
  arrays: Record<string, Float32Array>;
}

export function writeTensors<Header>(file: string, { header, arrays }: TensorFile<Header>): void {
  const names = Object.keys(arrays);
  const json = JSON.stringify({ header, arrays: names.map((name) => [name, arrays[name].length]) });
  // Padded so that the floats start at a multiple of four.
  const head = Buffer.from(json.padEnd(json.length + ((4 - (Buffer.byteLength(json) % 4)) % 4)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  const beside = `${file}.${process.pid}.part`;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const out = fs.openSync(beside, 'w');
  try {
    for (const part of [length, head, ...names.map((name) => arrays[name])]) {
      const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
      for (let done = 0; done < bytes.length; ) done += fs.writeSync(out, bytes, done, Math.min(2 ** 28, bytes.length - done));
    }
  } finally {
    fs.closeSync(out);
  }
  fs.renameSync(beside, file);
}

/** Undefined where there is no such file or it is not whole. */
export function readTensors<Header>(file: string): TensorFile<Header> | undefined {
  let input: number;
  try {
    input = fs.openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const headBytes = Number(read(input, 8, 0).readBigUInt64LE());
    const { header, arrays } = JSON.parse(read(input, headBytes, 8).toString()) as { header: Header; arrays: [string, number][] };
    let at = 8 + headBytes;
    const out: Record<string, Float32Array> = {};
    for (const [name, length] of arrays) {
      const bytes = read(input, length * 4, at);
      out[name] = new Float32Array(bytes.buffer, bytes.byteOffset, length);
      at += length * 4;
    }
    return { header, arrays: out };
  } catch {
    return undefined;
  } finally {
    fs.closeSync(input);
  }
}

function read(file: number, bytes: number, at: number): Buffer {
  const out = Buffer.from(new ArrayBuffer(bytes));
  for (let done = 0; done < bytes; ) {
    const got = fs.readSync(file, out, done, Math.min(2 ** 28, bytes - done), at + done);
    if (!got) throw new Error('The file ended early.');
    done += got;
  }
  return out;
}

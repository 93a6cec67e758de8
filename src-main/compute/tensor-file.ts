/**
 * Named float arrays and a JSON header in one file, for models and checkpoints: 8 bytes of header length, the header, the floats.
 * Written beside its place and renamed, so that a reader finds the old file or the new one and never half of either.
 */
import fs from 'node:fs';
import path from 'node:path';
import { openRegularSync } from '../file/open.ts';

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
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}.part`;
  try {
    const out = fs.openSync(beside, 'w');
    try {
      for (const part of [length, head, ...names.map((name) => arrays[name])]) {
        const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
        for (let done = 0; done < bytes.length;)
          done += fs.writeSync(out, bytes, done, Math.min(2 ** 28, bytes.length - done));
      }
      fs.fsyncSync(out); // or a power cut could leave the new name with nothing in it
    } finally {
      fs.closeSync(out);
    }
    fs.renameSync(beside, file);
  } catch (error) {
    fs.rmSync(beside, { force: true });
    throw error;
  }
}

/** What killed processes have left half written beside a run's files; to be called before one begins to write there. */
export function removeParts(folder: string): void {
  for (const name of fs.readdirSync(folder))
    if (name.endsWith('.part')) fs.rmSync(path.join(folder, name), { force: true });
}

/** Undefined where there is no such file or it is not whole. Throws where it is there and the system does not let it be read: that says nothing of the file. */
export function readTensors<Header>(file: string): TensorFile<Header> | undefined {
  if (!fs.existsSync(file)) return undefined;
  const input = openRegularSync(file);
  try {
    const { size } = fs.fstatSync(input);
    const told = size < 8 ? undefined : headerOf(read(input, 8, 0), size, (bytes) => read(input, bytes, 8));
    if (!told) return undefined;
    const out: Record<string, Float32Array> = {};
    let at = told.start;
    for (const [name, length] of told.arrays) {
      const bytes = read(input, length * 4, at);
      out[name] = new Float32Array(bytes.buffer, bytes.byteOffset, length);
      at += length * 4;
    }
    return { header: told.header as Header, arrays: out };
  } finally {
    fs.closeSync(input);
  }
}

/** Undefined where what it says does not fill the file: nothing is read by a length that was not checked against it. */
function headerOf(
  length: Buffer,
  size: number,
  read: (bytes: number) => Buffer,
): { header: unknown; arrays: [string, number][]; start: number } | undefined {
  const headBytes = Number(length.readBigUInt64LE());
  if (headBytes > size - 8) return undefined;
  let told: { header: unknown; arrays: [string, number][] };
  try {
    told = JSON.parse(read(headBytes).toString()) as typeof told;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const start = 8 + headBytes;
  const isList =
    Array.isArray(told?.arrays) &&
    told.arrays.every(
      (one) => Array.isArray(one) && typeof one[0] === 'string' && Number.isSafeInteger(one[1]) && one[1] >= 0,
    );
  const isFull = isList && start + told.arrays.reduce((sum, [, length]) => sum + length * 4, 0) === size;
  return isFull ? { ...told, start } : undefined;
}

function read(file: number, bytes: number, at: number): Buffer {
  const out = Buffer.from(new ArrayBuffer(bytes));
  for (let done = 0; done < bytes;) {
    const got = fs.readSync(file, out, done, Math.min(2 ** 28, bytes - done), at + done);
    if (!got) throw new Error('The file became shorter while it was read.');
    done += got;
  }
  return out;
}

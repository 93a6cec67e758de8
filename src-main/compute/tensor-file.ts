/**
 * Named float arrays and a JSON header in one file, for models, checkpoints, codes and predictions: a safetensors file, each field of the header as
 * JSON in its metadata. Written beside its place and renamed, so that a reader finds the old file or the new one and never half of either.
 */
import fs from 'node:fs';
import path from 'node:path';
import { openRegularSync } from '../file/open.ts';
import { DamagedFile, openSafetensors, safetensorsBytes } from './safetensors.ts';

export interface Tensors {
  arrays: Record<string, Float32Array>;
  /** Of arrays that have more than one dimension. */
  shapes?: Readonly<Record<string, readonly number[]>>;
}

export interface TensorFile<Header> extends Tensors {
  header: Header;
}

export function writeTensors<Header extends object>(
  file: string,
  { header, arrays, shapes }: TensorFile<Header>,
): void {
  const parts = safetensorsBytes(
    Object.fromEntries(
      Object.entries(arrays).map(([name, values]) => [name, { shape: shapes?.[name] ?? [values.length], values }]),
    ),
    Object.fromEntries(Object.entries(header).map(([name, value]) => [name, JSON.stringify(value)])),
  );
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}.part`;
  try {
    const out = fs.openSync(beside, 'w');
    try {
      for (const bytes of parts) {
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

/** Removes what killed processes have left half written beside a run's files; to be called before one begins to write there. */
export function removeParts(folder: string): void {
  for (const name of fs.readdirSync(folder))
    if (name.endsWith('.part')) fs.rmSync(path.join(folder, name), { force: true });
}

/** Undefined where there is no such file or it is not whole. Throws where it is there and the system does not let it be read: that says nothing of the file. */
export function readTensors<Header>(file: string): TensorFile<Header> | undefined {
  if (!fs.existsSync(file)) return undefined;
  try {
    const { tensors, metadata, read, close } = openSafetensors(file);
    try {
      const header = Object.fromEntries(
        Object.entries(metadata).map(([name, json]): [string, unknown] => [name, JSON.parse(json)]),
      );
      const arrays: Record<string, Float32Array> = {};
      for (const name of tensors.keys()) {
        const values = read(name);
        arrays[name] = values instanceof Float32Array ? values : Float32Array.from(values);
      }
      return { header: header as Header, arrays };
    } finally {
      close();
    }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (error instanceof DamagedFile) return readFormerFormat<Header>(file);
    throw error;
  }
}

/** As written by the first versions: 8 bytes of header length, a header of `header` and `arrays` (names and lengths), the floats. */
function readFormerFormat<Header>(file: string): TensorFile<Header> | undefined {
  const input = openRegularSync(file);
  try {
    const { size } = fs.fstatSync(input);
    const found = size < 8 ? undefined : formerHeader(read(input, 8, 0), size, (bytes) => read(input, bytes, 8));
    if (!found) return undefined;
    const out: Record<string, Float32Array> = {};
    let at = found.start;
    for (const [name, length] of found.arrays) {
      const bytes = read(input, length * 4, at);
      out[name] = new Float32Array(bytes.buffer, bytes.byteOffset, length);
      at += length * 4;
    }
    return { header: found.header as Header, arrays: out };
  } finally {
    fs.closeSync(input);
  }
}

/** Undefined where the lengths do not fill the file: nothing is read by a length that was not checked against it. */
function formerHeader(
  length: Buffer,
  size: number,
  read: (bytes: number) => Buffer,
): { header: unknown; arrays: [string, number][]; start: number } | undefined {
  const headBytes = Number(length.readBigUInt64LE());
  if (headBytes > size - 8) return undefined;
  let parsed: { header: unknown; arrays: [string, number][] };
  try {
    parsed = JSON.parse(read(headBytes).toString()) as typeof parsed;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const start = 8 + headBytes;
  const isList =
    Array.isArray(parsed?.arrays) &&
    parsed.arrays.every(
      (one) => Array.isArray(one) && typeof one[0] === 'string' && Number.isSafeInteger(one[1]) && one[1] >= 0,
    );
  const isFull = isList && start + parsed.arrays.reduce((sum, [, length]) => sum + length * 4, 0) === size;
  return isFull ? { ...parsed, start } : undefined;
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

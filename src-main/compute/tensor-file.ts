/**
 * Stores named float arrays and a header in one file, for models, checkpoints, codes and predictions. It is a safetensors file; each field of the header is
 * JSON in its metadata. Files are written atomically: a reader finds the old file or the new one, never a part.
 */
import fs from 'node:fs';
import path from 'node:path';
import { openRegularSync } from '../file/open.ts';
import { DamagedFile, openSafetensors, safetensorsBytes } from './safetensors.ts';

export interface Tensors {
  arrays: Record<string, Float32Array>;
  /** The shapes of arrays with more than one dimension. */
  shapes?: Readonly<Record<string, readonly number[]>>;
}

export interface TensorFile<Header> extends Tensors {
  header: Header;
}

/** Writes a file atomically and creates its folder if missing. Throws the system's error. */
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
  const part = `${file}.${process.pid}.part`;
  try {
    const out = fs.openSync(part, 'w');
    try {
      for (const bytes of parts) {
        for (let done = 0; done < bytes.length;)
          done += fs.writeSync(out, bytes, done, Math.min(2 ** 28, bytes.length - done));
      }
      fs.fsyncSync(out); // otherwise a power cut could leave an empty file with the new name
    } finally {
      fs.closeSync(out);
    }
    fs.renameSync(part, file);
  } catch (error) {
    fs.rmSync(part, { force: true });
    throw error;
  }
}

/** Removes incomplete files of killed processes. Call it before a run starts to write to its folder. */
export function removeParts(folder: string): void {
  for (const name of fs.readdirSync(folder))
    if (name.endsWith('.part')) fs.rmSync(path.join(folder, name), { force: true });
}

/** Reads a file. Undefined if it is missing or damaged. Throws the system's error if it cannot be read, since the file itself may be intact. */
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

/** The format of the first versions: 8 bytes of header length, JSON with `header` and `arrays` (names and lengths), the floats. */
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

/** Undefined if the lengths do not match the size of the file: no length is used before this check. */
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

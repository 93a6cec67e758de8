/**
 * Reads and writes safetensors files (github.com/huggingface/safetensors), the format in which weights are published: 8 bytes of header length, a JSON header
 * with the type, shape and offsets of each tensor, then the numbers. The format cannot contain code. The whole header is checked before any number is read.
 */
import fs from 'node:fs';
import path from 'node:path';
import { openRegularSync } from '../file/open.ts';

interface StoredTensor {
  dtype: string;
  shape: number[];
  /** Byte offsets in the file. */
  from: number;
  to: number;
}

export interface Safetensors {
  tensors: ReadonlyMap<string, Readonly<StoredTensor>>;
  /** The content of `__metadata__`. */
  metadata: Readonly<Record<string, string>>;
  /** The values, row-major; Float64Array for I64 and F64. Throws if there is no such tensor or its type is not supported. */
  read(name: string): Float32Array | Float64Array;
  close(): void;
}

const bytesOf: Record<string, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
};
/** The limit of the format. */
const maxHeaderBytes = 100_000_000;
/** More than any network here needs: a larger file is something else. */
export const maxWeightsBytes = 8 * 2 ** 30;
export const tooLarge = `It is larger than ${maxWeightsBytes / 2 ** 30} GiB, which no network here needs.`;

/** The file is not a safetensors file, or not complete. */
export class DamagedFile extends Error {}

/** Opens a file and checks its header; the caller closes it. Throws DamagedFile if it is not a complete safetensors file, and an Error if it cannot be read. */
export function openSafetensors(file: string): Safetensors {
  const input = openRegularSync(file);
  const damaged = (what: string): Error =>
    new DamagedFile(`${path.basename(file)} is not a complete safetensors file: ${what}. Download it again.`);
  try {
    const { tensors, metadata } = parse(input, damaged);
    return {
      tensors,
      metadata,
      read(name) {
        const tensor = tensors.get(name);
        if (!tensor) throw new Error(`${path.basename(file)} has no tensor '${name}'.`);
        const decode = decoders[tensor.dtype];
        if (!decode)
          throw new Error(
            `The tensor '${name}' in ${path.basename(file)} has the unsupported type ${tensor.dtype}: convert it to F32.`,
          );
        return decode(bytesAt(input, tensor.from, tensor.to - tensor.from, damaged));
      },
      close: () => fs.closeSync(input),
    };
  } catch (error) {
    fs.closeSync(input);
    throw error;
  }
}

function parse(input: number, damaged: (what: string) => Error): Pick<Safetensors, 'tensors' | 'metadata'> {
  const { size } = fs.fstatSync(input);
  if (size < 8) throw damaged('it has no header');
  if (size > maxWeightsBytes) throw new Error(`The weights cannot be read. ${tooLarge}`);
  const headBytes = Number(bytesAt(input, 0, 8, damaged).getBigUint64(0, true));
  if (headBytes > maxHeaderBytes || 8 + headBytes > size) throw damaged(`its header would have ${headBytes} bytes`);
  let header: unknown;
  try {
    const bytes = bytesAt(input, 8, headBytes, damaged);
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw damaged('its header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw damaged('its header is not a list of tensors');
  const start = 8 + headBytes;
  const tensors = new Map<string, StoredTensor>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = textsOf(entry);
      continue;
    }
    const {
      dtype,
      shape,
      data_offsets: offsets,
    } = (entry ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
    if (
      typeof dtype !== 'string' ||
      !Object.hasOwn(bytesOf, dtype) ||
      !isCounts(shape) ||
      !isCounts(offsets) ||
      offsets.length !== 2
    )
      throw damaged(`its header does not say what '${name}' is`);
    const [from, to] = offsets;
    if (to - from !== shape.reduce((a, b) => a * b, bytesOf[dtype]))
      throw damaged(
        `'${name}' has ${to - from} bytes, which its shape [${shape.join(', ')}] of ${dtype} does not fill`,
      );
    tensors.set(name, { dtype, shape, from: start + from, to: start + to });
  }
  let at = start;
  for (const { from, to } of [...tensors.values()].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== at) throw damaged('its tensors overlap or leave gaps');
    at = to;
  }
  if (at !== size)
    throw damaged(
      at > size ? `${at - size} bytes are missing at its end` : `${size - at} bytes at its end belong to no tensor`,
    );
  return { tensors, metadata };
}

const textsOf = (entry: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(entry ?? {}).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

function bytesAt(input: number, at: number, length: number, damaged: (what: string) => Error): DataView<ArrayBuffer> {
  const out = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const got = fs.readSync(input, out, done, Math.min(2 ** 28, length - done), at + done);
    if (!got) throw damaged('it ended early');
    done += got;
  }
  return new DataView(out.buffer);
}

/** The format is little-endian, like all machines that Winnow runs on. */
const decoders: Record<string, (bytes: DataView<ArrayBuffer>) => Float32Array | Float64Array> = {
  F32: ({ buffer }) => new Float32Array(buffer),
  F64: ({ buffer }) => new Float64Array(buffer),
  I64: ({ buffer }) => Float64Array.from(new BigInt64Array(buffer), Number),
  F16: ({ buffer }) => new Float32Array(new Float16Array(buffer)),
  // bfloat16 is the upper half of a float32.
  BF16: ({ buffer }) => new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer),
};

export interface NamedTensor {
  shape: readonly number[];
  values: Float32Array;
}

/** The bytes of a safetensors file in parts: header length, header, then each tensor. */
export function safetensorsBytes(
  tensors: Readonly<Record<string, NamedTensor>>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array[] {
  let at = 0;
  const entries = Object.entries(tensors).map(([name, { shape, values }]) => {
    const from = at;
    at += values.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [from, at] }];
  });
  const json = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }));
  // Padded with spaces, so that the numbers start at a multiple of eight.
  const head = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  return [
    length,
    head,
    ...Object.values(tensors).map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  ];
}

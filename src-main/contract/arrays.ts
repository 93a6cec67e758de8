/**
 * Answers with typed arrays that report progress: a stream of frames. A frame is its length (little-endian uint32), then its bytes: the length of a JSON header
 * (uint32), the header, padding to a multiple of 4, and the arrays in the order of the header. Engine, page and command line share this code.
 */

import { WinnowError, type ErrorCode } from './errors.ts';

export type Values = Float32Array | Uint8Array;

export interface Arrays<Header> {
  header: Header;
  arrays: Record<string, Values>;
}

/** `event`: progress or an intermediate result; `result`: the last frame; `error`: instead of a result. */
export type Frame<Header = unknown, Event = unknown> =
  | { event: Event; arrays: Record<string, Values> }
  | { result: Header; arrays: Record<string, Values> }
  | { error: { code: string; message: string }; arrays: Record<string, Values> };

interface Described {
  name: string;
  type: 'float32' | 'uint8';
  length: number;
}

const padded = (length: number): number => Math.ceil(length / 4) * 4;

/** A frame as bytes, with its length in front. */
export function encodeFrame({ arrays, ...rest }: Frame): Uint8Array {
  const described: Described[] = Object.entries(arrays).map(([name, values]) => ({
    name,
    type: values instanceof Float32Array ? 'float32' : 'uint8',
    length: values.length,
  }));
  const json = new TextEncoder().encode(JSON.stringify({ ...rest, described }));
  const head = 8 + padded(json.length);
  const size = Object.values(arrays).reduce((sum, values) => sum + padded(values.byteLength), head);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, size - 4, true);
  view.setUint32(4, json.length, true);
  bytes.set(json, 8);
  let at = head;
  for (const values of Object.values(arrays)) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += padded(values.byteLength);
  }
  return bytes;
}

/** `bytes`: a frame without its length. */
function decodeFrame(bytes: Uint8Array): Frame {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const { described, ...rest } = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as {
    described: Described[];
  };
  const arrays: Record<string, Values> = {};
  let at = 4 + padded(length);
  for (const { name, type, length } of described) {
    const size = length * (type === 'float32' ? 4 : 1);
    const copy = bytes.slice(at, at + size); // aligned
    arrays[name] = type === 'float32' ? new Float32Array(copy.buffer) : copy;
    at += padded(size);
  }
  return { ...rest, arrays } as Frame;
}

/** The result of a stream of frames. `onEvent` receives the others. Throws WinnowError if the call failed. */
export async function lastFrame<Header, Event = unknown>(
  chunks: AsyncIterable<Uint8Array>,
  onEvent: (event: Event, arrays: Record<string, Values>) => void = () => undefined,
): Promise<Arrays<Header>> {
  for await (const frame of decodeFrames(chunks)) {
    if ('error' in frame) throw new WinnowError(frame.error.code as ErrorCode, frame.error.message);
    if ('result' in frame) return { header: frame.result as Header, arrays: frame.arrays };
    onEvent(frame.event as Event, frame.arrays);
  }
  throw new WinnowError('engine-gone', 'The answer ended early. Try again.');
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The frames of a stream of bytes. Throws an Error if the stream ends within a frame. */
export async function* decodeFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let parts: Uint8Array[] = [];
  let [length, wanted] = [0, 4];
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    if (length < wanted) continue; // joined only when a frame is complete: a large one has hundreds of chunks
    let rest = joined(parts, length);
    for (;;) {
      wanted = rest.length < 4 ? 4 : 4 + new DataView(rest.buffer, rest.byteOffset).getUint32(0, true);
      if (rest.length < wanted) break;
      yield decodeFrame(rest.subarray(4, wanted));
      rest = rest.subarray(wanted);
    }
    parts = [rest];
    length = rest.length;
  }
  if (length) throw new Error('The answer ended early.');
}

/**
 * libheif compiled to WebAssembly, in an instance of its own for each file: its HEVC decoder (libde265) leaves out what it cannot decode, and the picture then shows what was in
 * memory before. In a new instance that is always the same, and it is known: before each tile all free memory is filled with one byte.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadLibrary } from '../file/fault.ts';
import type { Heif, StartHeif } from 'libheif-js/libheif-wasm/libheif.js';

export interface HeifImage {
  /** 8 bits per sample, or 16 of which `bits` are used. RGBA, without gaps between the rows. */
  data: Uint8Array | Uint16Array;
  width: number;
  height: number;
  bits: number;
  isPremultiplied: boolean;
  hasAlpha: boolean;
  /** Stored as YCbCr: zeros in memory are green. */
  isYcc: boolean;
  /** The pictures of the file that are not part of another one. */
  images: number;
}

/** An error of libheif. */
export class HeifError extends Error {
  readonly isOfMemory: boolean;
  constructor(code: number, subcode: number) {
    super(`libheif ${code}.${subcode}`);
    this.isOfMemory = code === 6;
  }
}

const require = createRequire(import.meta.url);
let compiled: { library: WebAssembly.Module; callback: WebAssembly.Module; start: StartHeif } | null = null;
const load = () =>
  (compiled ??= {
    library: new WebAssembly.Module(
      withOpenTable(Uint8Array.from(readFileSync(require.resolve('libheif-js/libheif-wasm/libheif.wasm')))),
    ),
    callback: new WebAssembly.Module(callback),
    start: require('libheif-js/libheif-wasm/libheif.js') as StartHeif,
  });

/** A module that exports an imported function (i32) → i32, which makes it one that a table can hold. */
const callback = Uint8Array.from(
  [
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    [1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f], // a type
    [2, 7, 1, 1, 0x65, 1, 0x66, 0, 0], // import e.f
    [7, 5, 1, 1, 0x66, 0, 0], // export f
  ].flat(),
);

/** The module with a larger limit of its table of functions, so that it takes one more. */
function withOpenTable(wasm: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const sections = { table: 4 };
  for (let at = 8; at < wasm.length;) {
    const id = wasm[at++];
    let length = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      length |= (wasm[at] & 127) << shift;
      more = wasm[at++] > 127;
    }
    if (id === sections.table) {
      wasm[at + length - 1]++; // the highest digit of the limit
      return wasm;
    }
    at += length;
  }
  return wasm;
}

/** Values and offsets of `heif.h`. */
const colourSpace = { rgb: 1, monochrome: 2 };
const chroma = { rgba: 11, deepRgba: 15 };
const interleaved = 10;
const option = { strict: 21, cancel: 44 };
const tiling = { width: 12, height: 16, bytes: 128 };

function startInstance(): { heif: Heif; table: WebAssembly.Table } {
  const { library, start } = load();
  let table!: WebAssembly.Table;
  const heif = start({
    instantiateWasm(imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => unknown) {
      const instance = new WebAssembly.Instance(library, imports);
      table = Object.values(instance.exports).find((one) => one instanceof WebAssembly.Table) as WebAssembly.Table;
      return receive(instance);
    },
    print: () => undefined,
    printErr: () => undefined,
  });
  return { heif, table };
}

/** Fills free memory, which is in pieces of many sizes. */
function fillFree(heif: Heif, bytes: number, fill: number): void {
  const block = 4096;
  const taken = Array.from({ length: Math.ceil(bytes / block) }, () => heif._malloc(block)).filter((at) => at !== 0);
  for (const at of taken) heif.HEAPU8.fill(fill, at, at + block);
  for (const at of taken) heif._free(at);
}

/**
 * Decodes the primary image as RGBA, turned upright. `fill`: the byte in the memory that the decoder gets, which the picture shows where it is not decoded. Throws HeifError, and
 * an error of the runtime if the library crashes.
 */
export async function decodeHeif(bytes: Uint8Array, isDeep: boolean, fill: number): Promise<HeifImage> {
  const { heif, table } = await loadLibrary('libheif-js', startInstance);
  const word = (at: number) => new DataView(heif.HEAPU8.buffer).getUint32(at, true); // the memory moves when it grows
  const [error, out] = [heif._malloc(12), heif._malloc(8)];
  const check = () => {
    if (word(error) !== 0) throw new HeifError(word(error), word(error + 4));
  };

  const file = heif._malloc(bytes.length);
  heif.HEAPU8.set(bytes, file);
  const context = heif._heif_context_alloc();
  heif._heif_context_read_from_memory_without_copy(error, context, file, bytes.length, 0);
  check();
  heif._heif_context_get_primary_image_handle(error, context, out);
  check();
  const handle = word(out);
  heif._heif_image_handle_get_preferred_decoding_colorspace(error, handle, out, out + 4);
  const colours = word(out);

  const tile = heif._malloc(tiling.bytes);
  heif._heif_image_handle_get_image_tiling(error, handle, 0, tile);
  check();
  // What the decoder takes per pixel, and what reading the file has left.
  const needed = word(tile + tiling.width) * word(tile + tiling.height) * 4 + bytes.length + 2 ** 20;
  fillFree(heif, needed, fill);
  const options = heif._heif_decoding_options_alloc();
  heif.HEAPU8[options + option.strict] = 1; // a tile that is missing is an error
  // libheif asks before each tile whether to cancel.
  const beforeTile = () => (fillFree(heif, needed, fill), 0);
  const slot = table.grow(1);
  table.set(slot, new WebAssembly.Instance(load().callback, { e: { f: beforeTile } }).exports.f);
  new DataView(heif.HEAPU8.buffer).setUint32(options + option.cancel, slot, true);
  heif._heif_decode_image(error, handle, out, colourSpace.rgb, isDeep ? chroma.deepRgba : chroma.rgba, options);
  check();

  const image = word(out);
  const [width, height, bits] = [
    heif._heif_image_get_width(image, interleaved),
    heif._heif_image_get_height(image, interleaved),
    heif._heif_image_get_bits_per_pixel_range(image, interleaved),
  ];
  const plane = heif._heif_image_get_plane_readonly(image, interleaved, out);
  const [stride, row] = [word(out), width * (isDeep ? 8 : 4)];
  const data = new Uint8Array(row * height);
  for (let y = 0; y < height; y++)
    data.set(heif.HEAPU8.subarray(plane + y * stride, plane + y * stride + row), y * row);
  return {
    data: isDeep ? new Uint16Array(data.buffer) : data,
    width,
    height,
    bits,
    isPremultiplied: heif._heif_image_handle_is_premultiplied_alpha(handle) !== 0,
    hasAlpha: heif._heif_image_handle_has_alpha_channel(handle) !== 0,
    isYcc: colours !== colourSpace.monochrome && colours !== colourSpace.rgb,
    images: heif._heif_context_get_number_of_top_level_images(context),
  };
}

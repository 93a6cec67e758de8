/**
 * JPEG XL through jxl-oxide compiled to WebAssembly. It applies the orientation and converts to sRGB, and gives the first frame as a PNG of 8 or 16 bits, which sharp
 * reads.
 */
import { readFileSync } from 'node:fs';
import { initSync, JxlImage } from 'jxl-oxide-wasm';
import { loadLibrary } from '../file/fault.ts';
import { checkSize, DecodeError, truncated, type Picture } from './raw.ts';

let isLoaded = false;
async function load(): Promise<void> {
  if (isLoaded) return;
  await loadLibrary('jxl-oxide-wasm', () =>
    initSync({ module: readFileSync(new URL('jxl_oxide_wasm_bg.wasm', import.meta.resolve('jxl-oxide-wasm'))) }),
  );
  isLoaded = true;
}

/** Floats of all channels are in memory at once: 100 megapixels would need more than WebAssembly has. */
const maxPixelsJxl = 40_000_000;

/** Throws DecodeError, and the library's errors. */
export async function decodeJxl(bytes: Buffer): Promise<Picture> {
  await load();
  const image = new JxlImage();
  try {
    image.feedBytes(bytes);
    if (!image.tryInit()) throw truncated();
    const [width, height] = [image.width ?? 0, image.height ?? 0];
    checkSize(width, height);
    if (width * height > maxPixelsJxl)
      throw new DecodeError(
        'too-large',
        `The JPEG XL has more than ${maxPixelsJxl / 1e6} megapixels (${width} × ${height}).`,
      );
    image.forceSrgb = true;
    if (!image.loaded || image.numLoadedKeyframes === 0) throw truncated();
    const frames = Math.max(1, image.numLoadedKeyframes);
    const result = image.render(0);
    return { file: result.encodeToPng(), frames };
  } catch (error) {
    throw /eof|unexpected end|not enough|need more/i.test(String(error)) ? truncated() : error;
  }
}

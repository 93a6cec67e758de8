/** Reads one file for the scan with the decoders for all formats. */
import { join } from 'node:path';
import { readBytes } from './bytes.ts';
import { toDecodeError, decodableFormat, openImage } from './decode.ts';
import { makeThumb } from './pixels.ts';
import type { Reading, ReadRequest } from './read.ts';

/** `thumb`: JPEG. Throws DecodeError for an issue of the image, and the system's error if the file cannot be read. */
export async function readDecoded({ folder, path, rendering }: ReadRequest): Promise<Reading & { thumb: Uint8Array }> {
  const { bytes, sha256 } = await readBytes(join(folder, path), (head) => void decodableFormat(head, path));
  const image = await openImage(bytes, path, rendering);
  const thumb = await makeThumb(image).catch((error: unknown) => {
    throw toDecodeError(error, bytes);
  });
  const { width, height, format, frames, notice, values } = image;
  return {
    sha256,
    width,
    height,
    format,
    frames,
    notice,
    values,
    measures: thumb.measures,
    fingerprint: thumb.fingerprint,
    thumb: thumb.bytes,
  };
}

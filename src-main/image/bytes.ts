/**
 * Reads a whole image file in chunks and hashes it. Each chunk is a separate request to the disk, so that a stalled disk is noticed. A file that is not an image
 * is refused after the first chunk, before memory for the rest is allocated.
 */
import { createHash } from 'node:crypto';
import { askDisk } from '../file/gate.ts';
import { openRegular } from '../file/open.ts';
import { DecodeError } from './raw.ts';

/** Larger files are refused. */
export const maxFileBytes = 2 ** 30;
const pieceBytes = 4 * 2 ** 20;

export interface Bytes {
  bytes: Buffer;
  sha256: string;
}

/** `checkHead` gets the first bytes and throws if the rest is not worth reading. Throws DecodeError and system errors. */
export async function readBytes(file: string, checkHead?: (head: Buffer) => void): Promise<Bytes> {
  const handle = await askDisk(() => openRegular(file));
  try {
    const { size } = await askDisk(() => handle.stat());
    if (size > maxFileBytes) throw new DecodeError('too-large', 'The file is larger than 1 GiB.');
    const hash = createHash('sha256');
    let bytes = Buffer.allocUnsafe(Math.min(size, pieceBytes) + 1); // one byte more than the size shows whether the file grew
    for (let length = 0; ;) {
      const wanted = Math.min(pieceBytes, bytes.length - length);
      const { bytesRead } = await askDisk(() => handle.read(bytes, length, wanted, length));
      if (length === 0) checkHead?.(bytes.subarray(0, bytesRead));
      hash.update(bytes.subarray(length, length + bytesRead));
      length += bytesRead;
      if (length > size)
        throw new DecodeError('unreadable', 'The file grew while it was read. Scan again when it is complete.');
      // A short read is the end of a regular file if it matches the size.
      if (bytesRead === 0 || (bytesRead < wanted && length === size))
        return { bytes: bytes.subarray(0, length), sha256: hash.digest('hex') };
      if (bytes.length < size + 1) {
        const whole = Buffer.allocUnsafe(size + 1);
        bytes.copy(whole, 0, 0, length);
        bytes = whole;
      }
    }
  } finally {
    void handle.close().catch(() => undefined); // not awaited: on a stalled disk, close hangs too
  }
}

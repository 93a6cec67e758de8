/**
 * Reads an image file whole, with its hash. In pieces: each goes through the gate, so that a disk which stalls is noticed, and a file that is no image is
 * refused by its first piece, before there is memory for the rest.
 */
import { createHash } from 'node:crypto';
import { askDisk } from '../file/gate.ts';
import { openRegular } from '../file/open.ts';
import { DecodeError } from './raw.ts';

/** A file above this is not read into memory. */
export const maxFileBytes = 2 ** 30;
const pieceBytes = 4 * 2 ** 20;

export interface Bytes {
  bytes: Buffer;
  sha256: string;
}

/** `judge` looks at the first bytes and throws for what need not be read. Throws DecodeError and the system's own errors. */
export async function readBytes(file: string, judge?: (head: Buffer) => void): Promise<Bytes> {
  const handle = await askDisk(() => openRegular(file));
  try {
    const { size } = await askDisk(() => handle.stat());
    if (size > maxFileBytes) throw new DecodeError('too-large', 'The file is larger than 1 GiB.');
    const hash = createHash('sha256');
    let bytes = Buffer.allocUnsafe(Math.min(size, pieceBytes) + 1); // one more than there is shows that the file grew
    for (let length = 0; ;) {
      const wanted = Math.min(pieceBytes, bytes.length - length);
      const { bytesRead } = await askDisk(() => handle.read(bytes, length, wanted, length));
      if (length === 0) judge?.(bytes.subarray(0, bytesRead));
      hash.update(bytes.subarray(length, length + bytesRead));
      length += bytesRead;
      if (length > size)
        throw new DecodeError('unreadable', 'The file grew while it was read. Scan again when it is complete.');
      // Less than asked for is the end of a regular file, where its size says so too.
      if (bytesRead === 0 || (bytesRead < wanted && length === size))
        return { bytes: bytes.subarray(0, length), sha256: hash.digest('hex') };
      if (bytes.length < size + 1) {
        const whole = Buffer.allocUnsafe(size + 1);
        bytes.copy(whole, 0, 0, length);
        bytes = whole;
      }
    }
  } finally {
    void handle.close().catch(() => undefined); // not waited for: a disk that stalls does not close either
  }
}

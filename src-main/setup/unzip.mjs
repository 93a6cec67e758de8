/**
 * Reads zip files (and wheels) as streams: a fresh machine may have no `unzip`, and our largest entry has 690 MB. It supports
 * what our two archives use (stored and deflated entries, Unix modes, no zip64) and rejects everything else.
 */
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

/**
 * @param {string} zipPath @param {string} folder
 * @param {(name: string) => string | null} placeOf where an entry goes below `folder`; null leaves it out
 * @param {(bytes: number) => void} [onBytes] bytes written so far
 */
export async function unzip(zipPath, folder, placeOf, onBytes) {
  const file = await open(zipPath);
  try {
    let written = 0;
    for (const entry of await entriesOf(file)) {
      const place = entry.name.endsWith('/') ? null : placeOf(entry.name);
      if (place === null) continue;
      const target = join(folder, normalize(place));
      if (!target.startsWith(folder + sep)) throw new Error(`${entry.name} would be written outside ${folder}`);
      mkdirSync(dirname(target), { recursive: true });
      const header = await readAt(file, entry.offset, 30);
      const from = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
      const output = createWriteStream(target, { mode: entry.mode });
      if (entry.packed === 0) {
        await pipeline([], output);
        continue;
      }
      const source = createReadStream(zipPath, { start: from, end: from + entry.packed - 1, highWaterMark: 1 << 20 });
      const counted = async function* (/** @type {AsyncIterable<Buffer>} */ chunks) {
        for await (const chunk of chunks) {
          written += chunk.length;
          onBytes?.(written);
          yield chunk;
        }
      };
      await (entry.method === 8
        ? pipeline(source, createInflateRaw({ chunkSize: 1 << 20 }), counted, output)
        : pipeline(source, counted, output));
      if (output.bytesWritten !== entry.size) throw new Error(`${entry.name} in ${zipPath} is damaged`);
    }
  } finally {
    await file.close();
  }
}

/** The central directory at the end of the file: PKZIP APPNOTE 4.3.12 and 4.3.16. */
async function entriesOf(/** @type {import('node:fs/promises').FileHandle} */ file) {
  const { size } = await file.stat();
  const tail = await readAt(file, Math.max(0, size - 65_557), Math.min(size, 65_557));
  const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0) throw new Error('not a zip file');
  const count = tail.readUInt16LE(end + 10);
  const directoryOffset = tail.readUInt32LE(end + 16);
  if (count === 0xffff || directoryOffset === 0xffffffff) throw new Error('zip64 is not supported');
  const directory = await readAt(file, directoryOffset, tail.readUInt32LE(end + 12));
  const entries = [];
  for (let at = 0, index = 0; index < count; index++) {
    const nameLength = directory.readUInt16LE(at + 28);
    entries.push({
      method: directory.readUInt16LE(at + 10),
      packed: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      mode: (directory.readUInt32LE(at + 38) >>> 16) & 0o777 || 0o644,
      offset: directory.readUInt32LE(at + 42),
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

async function readAt(
  /** @type {import('node:fs/promises').FileHandle} */ file,
  /** @type {number} */ position,
  /** @type {number} */ length,
) {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw new Error('the file is truncated');
  return buffer;
}

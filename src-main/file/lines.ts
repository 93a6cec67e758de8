/** Reads text from users and other programs line by line. Limits on its size keep any input from exhausting memory or time. */
import { createReadStream } from 'node:fs';
import { basename, resolve } from 'node:path';
import { whole } from '../contract/words.ts';
import { WinnowError } from '../contract/errors.ts';
import { pathOnDisk } from './same-path.ts';

/** A little less than the longest string of V8 (512 MiB). */
export const maxTextBytes = 500 * 2 ** 20;
/** The longest path on Linux (PATH_MAX), in bytes. */
export const maxPathLength = 4096;
const maxLines = 5_000_000;
const maxLineLength = 2 ** 20;

/**
 * Yields each line without its line ending, and its number from 1. `name` names the text in messages. Throws `bad-request` if there are too many lines or one
 * is too long.
 */
export function* linesOf(text: string, name: string): Generator<[line: string, number: number]> {
  for (let from = 0, number = 1; from <= text.length; number++) {
    const found = text.indexOf('\n', from);
    const end = found < 0 ? text.length : found;
    if (number > maxLines)
      throw new WinnowError(
        'bad-request',
        `${name} has more than ${whole(maxLines)} lines. Split it into several files.`,
      );
    if (end - from > maxLineLength)
      throw new WinnowError('bad-request', `Line ${number} of ${name} is longer than 1 MiB. Is this the right file?`);
    yield [text.slice(from, text[end - 1] === '\r' ? Math.max(from, end - 1) : end), number];
    from = end + 1;
  }
}

/** Reads the text of a file or pipe, or standard input for '-'. Waits until a pipe ends, so only commands may call it. Throws WinnowError. */
export async function readText(file: string): Promise<string> {
  const name = file === '-' ? 'Standard input' : file;
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of file === '-' ? process.stdin : createReadStream(await pathOnDisk(resolve(file)))) {
      parts.push(part as Buffer);
      bytes += (part as Buffer).length;
      if (bytes > maxTextBytes)
        throw new WinnowError(
          'bad-request',
          `${name} is longer than ${maxTextBytes / 2 ** 20} MiB. Split it into several files.`,
        );
    }
  } catch (error) {
    if (error instanceof WinnowError) throw error;
    throw new WinnowError('bad-request', `${name} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return textOf(Buffer.concat(parts), file === '-' ? 'standard input' : basename(file));
}

/** Spreadsheets write UTF-8 or UTF-16, with a byte order mark that is left out. Other encodings are refused, since they would give wrong names. Throws WinnowError. */
export function textOf(data: Buffer, name: string): string {
  const encoding =
    data[0] === 0xff && data[1] === 0xfe ? 'utf-16le' : data[0] === 0xfe && data[1] === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(data);
  } catch (error) {
    const line = data.subarray(0, firstInvalidByte(data)).toString('latin1').split('\n').length;
    throw new WinnowError(
      'bad-request',
      `Line ${line} of ${name} is not UTF-8. Save the file as ‘CSV UTF-8’ or in UTF-8.`,
      { cause: error },
    );
  }
}

/** The offset of the first byte that is not valid UTF-8. */
function firstInvalidByte(data: Buffer): number {
  const decoded = new TextDecoder('utf-8', { ignoreBOM: true }).decode(data);
  return Buffer.byteLength(decoded.slice(0, Math.max(0, decoded.indexOf('\ufffd'))));
}

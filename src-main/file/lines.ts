/** Reads text from users and other programs line by line. Limits on its size keep any input from exhausting memory or time. */
import { createReadStream } from 'node:fs';
import { whole } from '../contract/words.ts';
import { WinnowError } from '../contract/errors.ts';

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
    for await (const part of file === '-' ? process.stdin : createReadStream(file)) {
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
  const data = Buffer.concat(parts);
  const [first, second] = data;
  // Spreadsheets and PowerShell write UTF-16 with a byte order mark.
  return first === 0xff && second === 0xfe
    ? new TextDecoder('utf-16le').decode(data)
    : first === 0xfe && second === 0xff
      ? new TextDecoder('utf-16be').decode(data)
      : data.toString('utf8');
}

/** Reads text from users and other programs line by line, within limits on size, so that no input exhausts memory or time. */
import { createReadStream } from 'node:fs';
import { whole } from '../contract/words.ts';
import { WinnowError } from '../contract/errors.ts';

/** As long as a JavaScript string may be, nearly. */
export const maxTextBytes = 500 * 2 ** 20;
/** Longest path of Linux, in bytes. */
export const maxPathLength = 4096;
const maxLines = 5_000_000;
const maxLineLength = 2 ** 20;

/** Each line with its number, from 1, without its end. Throws `bad-request` for what nobody has written by hand or by program. */
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

/** A file's text, also a pipe's, or what comes from standard input for '-'. For commands, which may wait. Throws WinnowError. */
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
  return Buffer.concat(parts).toString('utf8');
}

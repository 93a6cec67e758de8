/**
 * Netpbm: PBM, PGM and PPM, as text (P1–P3) or bytes (P4–P6), and PAM (P7). Values are scaled from the file's own maximum to the range of 8 or 16 bits; gray of more
 * than 8 bits is measured, like that of PNG and TIFF.
 */
import { checkSize, corrupt, need, truncated, type Raw } from './raw.ts';

const isSpace = (byte: number) => byte === 32 || (byte >= 9 && byte <= 13);

/** Reads tokens; `#` starts a comment to the end of the line. */
class Words {
  at: number;
  #bytes: Buffer;
  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  #skip() {
    const bytes = this.#bytes;
    while (this.at < bytes.length && (isSpace(bytes[this.at]) || bytes[this.at] === 35)) {
      if (bytes[this.at] === 35)
        while (this.at < bytes.length && bytes[this.at] !== 10 && bytes[this.at] !== 13) this.at++;
      else this.at++;
    }
    if (this.at >= bytes.length) throw truncated();
  }

  word(): string {
    this.#skip();
    const from = this.at;
    while (this.at < this.#bytes.length && !isSpace(this.#bytes[this.at])) this.at++;
    return this.#bytes.toString('latin1', from, this.at);
  }

  number(): number {
    const word = this.word();
    if (!/^\d{1,10}$/.test(word)) throw corrupt('a number was expected');
    return Number(word);
  }

  /** One digit of a text bitmap; there need not be spaces between digits. */
  bit(): number {
    this.#skip();
    const digit = this.#bytes[this.at++] - 48;
    if (digit !== 0 && digit !== 1) throw corrupt('0 or 1 was expected');
    return digit;
  }
}

/** Throws DecodeError. */
export function decodePnm(bytes: Buffer): Raw {
  const kind = bytes[1] - 48;
  const words = new Words(bytes, 2);
  if (kind === 7) return decodePam(bytes, words);
  const [width, height] = [words.number(), words.number()];
  checkSize(width, height);
  const most = kind === 1 || kind === 4 ? 1 : words.number();
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const count = width * height * channels;
  if (kind > 3) return samples(bytes, words.at + 1, { width, height, channels, most, packed: kind === 4 });
  // Each value takes at least one byte.
  if (count > bytes.length) throw truncated();
  checkMost(most);
  return scaled({ width, height, channels, most }, () => (kind === 1 ? 1 - words.bit() : words.number()));
}

/** `next` gives the values from 0 to `most`, in the order of the file. */
function scaled(
  { width, height, channels, most }: Pick<Raw, 'width' | 'height' | 'channels'> & { most: number },
  next: (i: number) => number,
): Raw {
  const count = width * height * channels;
  const isMeasured = most > 255 && channels === 1;
  const data = most > 255 ? new Uint16Array(count) : new Uint8Array(count);
  const full = isMeasured ? most : most > 255 ? 65_535 : 255;
  for (let i = 0; i < count; i++) data[i] = Math.min(full, Math.round((next(i) * full) / most));
  return { data, width, height, channels, ...(isMeasured && { measured: { kind: 'uint16' } }) };
}

function checkMost(most: number): void {
  if (most < 1 || most > 65_535) throw corrupt(`a maximum of ${most}`);
}

function decodePam(bytes: Buffer, words: Words): Raw {
  const field = new Map<string, number>();
  for (let name = words.word(); name !== 'ENDHDR'; name = words.word()) {
    if (name === 'TUPLTYPE') words.word();
    else field.set(name, words.number());
  }
  const [width, height, depth, most] = ['WIDTH', 'HEIGHT', 'DEPTH', 'MAXVAL'].map((name) => field.get(name) ?? 0);
  checkSize(width, height);
  if (depth !== 1 && depth !== 3 && depth !== 4) throw corrupt(`${depth} channels`);
  return samples(bytes, words.at + 1, { width, height, channels: depth, most, packed: false });
}

function samples(
  bytes: Buffer,
  at: number,
  layout: { width: number; height: number; channels: 1 | 3 | 4; most: number; packed: boolean },
): Raw {
  const { width, height, channels, most, packed } = layout;
  checkMost(most);
  const count = width * height * channels;
  if (packed) {
    const stride = Math.ceil(width / 8);
    need(bytes, at + stride * height);
    const data = new Uint8Array(count);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        data[y * width + x] = (bytes[at + y * stride + (x >> 3)] >> (7 - (x & 7))) & 1 ? 0 : 255;
    return { data, width, height, channels };
  }
  const wide = most > 255;
  need(bytes, at + count * (wide ? 2 : 1));
  if (most === 255) return { data: Uint8Array.from(bytes.subarray(at, at + count)), width, height, channels };
  return scaled(layout, (i) => (wide ? bytes.readUInt16BE(at + i * 2) : bytes[at + i]));
}

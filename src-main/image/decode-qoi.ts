/** QOI, the Quite OK Image format (qoiformat.org, version 1.0). */
import { checkSize, corrupt, need, truncated, type Raw } from './raw.ts';

/** Throws DecodeError. */
export function decodeQoi(bytes: Buffer): Raw {
  need(bytes, 14);
  const [width, height, channels] = [bytes.readUInt32BE(4), bytes.readUInt32BE(8), bytes[12]];
  checkSize(width, height);
  if (channels !== 3 && channels !== 4) throw corrupt(`it has ${channels} channels`);
  // A byte gives at most 62 pixels: a small file that claims a huge image is refused before memory is allocated.
  if (width * height > (bytes.length - 14) * 62) throw truncated();
  const data = new Uint8Array(width * height * channels);
  const seen = new Uint8Array(64 * 4);
  let [r, g, b, a] = [0, 0, 0, 255];
  let run = 0;
  let at = 14;
  for (let to = 0; to < data.length; to += channels) {
    if (run > 0) run--;
    else {
      need(bytes, at + 1);
      const tag = bytes[at++];
      if (tag >= 0xfe) {
        need(bytes, at + 4);
        [r, g, b] = [bytes[at], bytes[at + 1], bytes[at + 2]];
        at += 3;
        if (tag === 0xff) a = bytes[at++];
      } else if (tag < 0x40) [r, g, b, a] = seen.subarray(tag * 4, tag * 4 + 4);
      else if (tag < 0x80) {
        r = (r + ((tag >> 4) & 3) - 2) & 255;
        g = (g + ((tag >> 2) & 3) - 2) & 255;
        b = (b + (tag & 3) - 2) & 255;
      } else if (tag < 0xc0) {
        need(bytes, at + 1);
        const [green, second] = [(tag & 63) - 32, bytes[at++]];
        r = (r + green + (second >> 4) - 8) & 255;
        g = (g + green) & 255;
        b = (b + green + (second & 15) - 8) & 255;
      } else run = tag & 63;
      seen.set([r, g, b, a], ((r * 3 + g * 5 + b * 7 + a * 11) % 64) * 4);
    }
    data[to] = r;
    data[to + 1] = g;
    data[to + 2] = b;
    if (channels === 4) data[to + 3] = a;
  }
  return { data, width, height, channels };
}

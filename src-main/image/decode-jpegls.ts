/** JPEG-LS (ISO 14495-1) with one or three components of up to 16 bits, through CharLS. */
import { decodeWith } from './codecs.ts';
import { DecodeError, type Raw } from './raw.ts';

/** Throws DecodeError. */
export async function decodeJpegls(bytes: Buffer): Promise<Raw> {
  const { data, width, height, channels, bits } = await decodeWith('JPEG-LS', bytes);
  if (channels !== 1 && channels !== 3)
    throw new DecodeError('unsupported-format', `Winnow does not read JPEG-LS images with ${channels} channels.`);
  if (bits === 8) return { data, width, height, channels };
  if (channels === 1 && bits > 8) return { data, width, height, channels, measured: { kind: 'uint16' } };
  const most = 2 ** bits - 1;
  const full = bits > 8 ? 65_535 : 255;
  const scaled = bits > 8 ? new Uint16Array(data.length) : new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) scaled[i] = Math.round((data[i] * full) / most);
  return { data: scaled, width, height, channels };
}

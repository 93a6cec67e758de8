/** PFM, the portable float map: measured 32-bit floats, rows from the bottom up. The sign of the scale gives the byte order. */
import { checkSize, corrupt, DecodeError, need, type Raw } from './raw.ts';

/** Throws DecodeError. */
export function decodePfm(bytes: Buffer): Raw {
  const header = /^P([Ff4])\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+(-?[\d.]+(?:e[-+]?\d+)?)(?:\r\n|\s)/i.exec(
    bytes.toString('latin1', 0, 1024),
  );
  if (!header) throw corrupt('its header is not that of a PFM');
  const [whole, kind, columns, rows, scale] = header;
  const [width, height] = [Number(columns), Number(rows)];
  checkSize(width, height);
  if (kind === '4') throw new DecodeError('unsupported-format', 'Winnow does not read PFM files with four channels.');
  const channels = kind === 'F' ? 3 : 1;
  const rowSamples = width * channels;
  need(bytes, whole.length + rowSamples * height * 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset + whole.length);
  const isLittle = Number(scale) < 0;
  const data = new Float32Array(rowSamples * height);
  for (let y = 0, from = 0; y < height; y++)
    for (let i = 0, to = (height - 1 - y) * rowSamples; i < rowSamples; i++, from += 4)
      data[to + i] = view.getFloat32(from, isLittle);
  return { data, width, height, channels, measured: { kind: 'float32' } };
}

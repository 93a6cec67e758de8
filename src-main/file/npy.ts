/** NumPy's file format, version 1.0 (NEP 1): an array of float32 in row-major order. */

/** The bytes of a `.npy` file. */
export function npyBytes(values: Float32Array, shape: readonly number[]): Uint8Array {
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  // The data start at a multiple of 64; the header ends with a line break.
  const start = Math.ceil((10 + dictionary.length + 1) / 64) * 64;
  const header = new TextEncoder().encode(`${dictionary.padEnd(start - 11)}\n`);
  const out = new Uint8Array(start + values.byteLength);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  out.set(header, 10);
  const view = new DataView(out.buffer);
  values.forEach((value, i) => view.setFloat32(start + 4 * i, value, true));
  return out;
}

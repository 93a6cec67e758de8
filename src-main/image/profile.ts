/**
 * Makes ICC profiles for files that state their colours otherwise: by the code points of ITU-T H.273 (CICP: AVIF, HEIC, PNG), or by chromaticities and a gamma (PNG, BMP).
 * A profile has a matrix and one curve for all channels (ICC.1:2022, version 4). No profile means sRGB.
 */

/** CIE x and y of red, green, blue and white. */
export type Primaries = readonly [number, number, number, number, number, number, number, number];
/** Linear light (1 is white) of a sample value from 0 to 1. */
type Curve = { gamma: number } | { parts: Parts } | { table: (value: number) => number };
/** (a·x + b)^g from d on, c·x below: ICC's parametric curve of type 3. */
type Parts = readonly [g: number, a: number, b: number, c: number, d: number];

export interface Stated {
  profile?: Buffer;
  /** What the profile leaves out. */
  notice?: string;
}

/** CIE x and y of the white of sRGB. */
export const d65 = [0.3127, 0.329] as const;
const c = [0.31, 0.316] as const;
const srgbPrimaries: Primaries = [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, ...d65];
const smpte: Primaries = [0.63, 0.34, 0.31, 0.595, 0.155, 0.07, ...d65];
/** By ColourPrimaries of H.273. */
const primariesOf: Readonly<Record<number, Primaries>> = {
  1: srgbPrimaries,
  4: [0.67, 0.33, 0.21, 0.71, 0.14, 0.08, ...c],
  5: [0.64, 0.33, 0.29, 0.6, 0.15, 0.06, ...d65],
  6: smpte,
  7: smpte,
  8: [0.681, 0.319, 0.243, 0.692, 0.145, 0.049, ...c],
  9: [0.708, 0.292, 0.17, 0.797, 0.131, 0.046, ...d65],
  11: [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351],
  12: [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, ...d65],
  22: [0.63, 0.34, 0.295, 0.605, 0.155, 0.077, ...d65],
};

const srgbCurve: Curve = { parts: [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045] };
const video: Curve = { parts: [1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081] };

/** SMPTE ST 2084. White is the reference white of ITU-R BT.2408, 203 cd/m²; brighter light is clipped. */
const pq: Curve = {
  table: (value) => {
    const root = value ** (32 / 2523);
    const light = (Math.max(0, root - 107 / 128) / (2413 / 128 - (2392 / 128) * root)) ** (16_384 / 2610);
    return (light * 10_000) / 203;
  },
};
/** ARIB STD-B67 for a display of 1,000 cd/m² (gamma 1.2). White is the signal of 75 %, which is 203 cd/m² (BT.2408). */
const scene = (value: number) =>
  value <= 0.5 ? value ** 2 / 3 : (Math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12;
const hlg: Curve = { table: (value) => (scene(value) / scene(0.75)) ** 1.2 };

/** By TransferCharacteristics of H.273. */
const curveOf: Readonly<Record<number, Curve>> = {
  1: video,
  4: { gamma: 2.2 },
  5: { gamma: 2.8 },
  6: video,
  7: { parts: [1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912] },
  8: { gamma: 1 },
  11: video,
  13: srgbCurve,
  14: video,
  15: video,
  16: pq,
  17: { table: (value) => (value ** 2.6 * 52.37) / 48 },
  18: hlg,
};
const hdr: Readonly<Record<number, string>> = { 16: 'PQ', 18: 'HLG' };

/** The code points of H.273. Zero and 2 mean unspecified: sRGB. */
export interface Cicp {
  primaries: number;
  transfer: number;
  /** RGB samples from 16 to 235 (of 255). */
  isNarrow?: boolean;
}

/** The profile of an image that states its colours by code points; none if it is sRGB. */
export function profileOfCicp({ primaries, transfer, isNarrow = false }: Cicp, isGray = false): Stated {
  const named = (code: number) => (code === 0 || code === 2 ? null : code);
  const [space, curve] = [primariesOf[named(primaries) ?? 1], curveOf[named(transfer) ?? 13]];
  if (!space || !curve)
    return { notice: `colours read as sRGB: unknown ${space ? `transfer ${transfer}` : `primaries ${primaries}`}` };
  const notice = hdr[transfer] && `HDR (${hdr[transfer]}) shown without tone mapping, clipped at 203 cd/m²`;
  if (space === srgbPrimaries && curve === srgbCurve && !isNarrow) return {};
  return {
    profile: makeProfile(space, isNarrow ? { table: (x) => light(curve, (x * 255 - 16) / 219) } : curve, isGray),
    ...(notice && { notice }),
  };
}

/**
 * The profile of chromaticities and the exponent of the curve from sample to light; null: those of sRGB, as for an exponent that no device has. None if both are sRGB's,
 * or if no such colours exist.
 */
export function profileOfGamma(
  primaries: Primaries | null,
  exponent: number | null,
  isGray = false,
): Buffer | undefined {
  const gamma = exponent !== null && exponent >= 0.1 && exponent <= 10 ? exponent : null;
  const space = primaries ?? srgbPrimaries;
  const isSrgb =
    (isGray || space.every((value, i) => Math.abs(value - srgbPrimaries[i]) < 0.002)) && isSrgbGamma(gamma);
  if (isSrgb || !isReal(space)) return undefined;
  return makeProfile(space, gamma === null || isSrgbGamma(gamma) ? srgbCurve : { gamma }, isGray);
}

/** As in browsers, 1/2.2 in a file stands for the curve of sRGB. */
const isSrgbGamma = (gamma: number | null) => gamma === null || Math.abs(1 / gamma - 0.45455) < 0.0005;

function isReal(space: Primaries): boolean {
  const [rx, ry, gx, gy, bx, by, wx, wy] = space;
  const area = (gx - rx) * (by - ry) - (bx - rx) * (gy - ry);
  if (Math.abs(area) < 1e-4 || wy < 0.01 || space.some((value) => value > 2)) return false;
  return solve(columns(space), [wx / wy, 1, (1 - wx - wy) / wy]).every((amount) => amount > 0);
}

function light(curve: Curve, value: number): number {
  const x = Math.min(1, Math.max(0, value));
  if ('gamma' in curve) return x ** curve.gamma;
  if ('table' in curve) return curve.table(x);
  const [g, a, b, slope, from] = curve.parts;
  return x >= from ? (a * x + b) ** g : slope * x;
}

export type Vector = [number, number, number];
export type Matrix = [Vector, Vector, Vector];
const times = (matrix: Matrix, v: Vector) =>
  matrix.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]) as Vector;
const determinant = ([[a, b, c], [d, e, f], [g, h, i]]: Matrix) =>
  a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
/** Cramer's rule. */
export const solve = (matrix: Matrix, right: Vector) =>
  [0, 1, 2].map(
    (column) =>
      determinant(matrix.map((row, r) => row.map((value, i) => (i === column ? right[r] : value))) as Matrix) /
      determinant(matrix),
  ) as Vector;

const d50: Vector = [0.9642, 1, 0.8249];
const bradford: Matrix = [
  [0.8951, 0.2664, -0.1614],
  [-0.7502, 1.7135, 0.0367],
  [0.0389, -0.0685, 1.0296],
];
const xyz = (x: number, y: number): Vector => [x, y, 1 - x - y];
/** XYZ of red, green and blue as columns, before they are scaled to white. */
function columns([rx, ry, gx, gy, bx, by]: Primaries): Matrix {
  const [r, g, b] = [xyz(rx, ry), xyz(gx, gy), xyz(bx, by)];
  return [0, 1, 2].map((i) => [r[i], g[i], b[i]]) as Matrix;
}

/** The colours of red, green and blue under D50, as columns; adapted by Bradford's transform. */
function colorants(space: Primaries): Matrix {
  const [wx, wy] = [space[6], space[7]];
  const white = xyz(wx, wy).map((value) => value / wy) as Vector;
  const scale = solve(columns(space), white);
  const [from, to] = [times(bradford, white), times(bradford, d50)];
  const adapt = (v: Vector) => {
    const cone = times(bradford, v).map((value, i) => (value * to[i]) / from[i]) as Vector;
    return solve(bradford, cone);
  };
  const adapted = [0, 1, 2].map((i) => adapt(columns(space).map((row) => row[i] * scale[i]) as Vector));
  return [0, 1, 2].map((row) => adapted.map((colour) => colour[row])) as Matrix;
}

/** Linear red, green and blue of sRGB as XYZ under D50, in columns. */
export const srgbColorants = colorants(srgbPrimaries);

function makeProfile(space: Primaries, curve: Curve, isGray: boolean): Buffer {
  const trc = curveTag(curve);
  return isGray ? writeProfile('GRAY', [['kTRC', trc]]) : matrixProfile(space, trc);
}

function matrixProfile(space: Primaries, trc: Buffer): Buffer {
  const matrix = colorants(space);
  const column = (i: number) => xyzTag(matrix.map((row) => row[i]) as Vector);
  return writeProfile('RGB ', [
    ['rXYZ', column(0)],
    ['gXYZ', column(1)],
    ['bXYZ', column(2)],
    ['rTRC', trc],
    ['gTRC', trc],
    ['bTRC', trc],
  ]);
}

const fixed = (values: readonly number[]) => {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeInt32BE(Math.round(value * 65_536), i * 4));
  return bytes;
};
const typed = (type: string, ...parts: Buffer[]) => Buffer.concat([Buffer.from(`${type}\0\0\0\0`, 'latin1'), ...parts]);
const xyzTag = (value: Vector) => typed('XYZ ', fixed(value));
const tableSize = 4096;

function curveTag(curve: Curve): Buffer {
  if ('gamma' in curve) return typed('para', Buffer.from([0, 0, 0, 0]), fixed([curve.gamma]));
  if ('parts' in curve) return typed('para', Buffer.from([0, 3, 0, 0]), fixed(curve.parts));
  const table = Buffer.alloc(4 + tableSize * 2);
  table.writeUInt32BE(tableSize, 0);
  for (let i = 0; i < tableSize; i++)
    table.writeUInt16BE(Math.round(Math.min(1, light(curve, i / (tableSize - 1))) * 65_535), 4 + i * 2);
  return typed('curv', table);
}

/**
 * A profile for gray samples that have been copied to red, green and blue: sharp applies no gray profile to 16-bit images. The profile itself if it is not one of gray
 * with a curve.
 */
export function rgbOfGray(profile: Uint8Array): Uint8Array {
  const bytes = Buffer.from(profile.buffer, profile.byteOffset, profile.byteLength);
  if (bytes.length < 132 || bytes.toString('latin1', 16, 24) !== 'GRAYXYZ ') return profile;
  for (let at = 132; at + 12 <= bytes.length && at < 132 + bytes.readUInt32BE(128) * 12; at += 12) {
    if (bytes.toString('latin1', at, at + 4) !== 'kTRC') continue;
    const from = bytes.readUInt32BE(at + 4);
    return matrixProfile(srgbPrimaries, bytes.subarray(from, from + bytes.readUInt32BE(at + 8)));
  }
  return profile;
}

/** A profile of class 'mntr'. Equal tags share their bytes. */
function writeProfile(space: 'RGB ' | 'GRAY', tags: readonly [name: string, value: Buffer][]): Buffer {
  const text = Buffer.from('Winnow', 'utf16le').swap16();
  const label = Buffer.alloc(20);
  [1, 12, 0, text.length, 28].forEach((value, i) => label.writeUInt32BE(value, i * 4));
  label.write('enUS', 8, 'latin1');
  const all: typeof tags = [
    ['desc', typed('mluc', label, text)],
    ['cprt', typed('mluc', label, text)],
    ['wtpt', xyzTag(d50)],
    ...tags,
  ];
  const head = Buffer.alloc(132 + all.length * 12);
  const parts: Uint8Array[] = [head];
  let size = head.length;
  const placed = new Map<Buffer, number>();
  all.forEach(([name, value], i) => {
    if (!placed.has(value)) {
      placed.set(value, size);
      parts.push(value, Buffer.alloc(-value.length & 3));
      size += value.length + (-value.length & 3);
    }
    head.write(name, 132 + i * 12, 'latin1');
    head.writeUInt32BE(placed.get(value) ?? 0, 136 + i * 12);
    head.writeUInt32BE(value.length, 140 + i * 12);
  });
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(0x04300000, 8);
  head.write(`mntr${space}XYZ `, 12, 'latin1');
  [2026, 1, 1].forEach((value, i) => head.writeUInt16BE(value, 24 + i * 2));
  head.write('acsp', 36, 'latin1');
  fixed(d50).copy(head, 68);
  head.writeUInt32BE(all.length, 128);
  return Buffer.concat(parts);
}

/**
 * Converts 16-bit RGB with a profile of a matrix and curves to 8-bit sRGB (ICC.1:2022, F.3). sharp takes such images by way of Display P3, which clips wide
 * colours at another place, and through a coarse table. Nothing is rounded before the last step, so that linear profiles keep their dark levels.
 */
import { encode } from './linear.ts';
import { rgbOfGray, solve, srgbColorants, type Matrix, type Vector } from './profile.ts';
import type { Raw } from './raw.ts';

/** `samples`: RGB or RGBA, interleaved. */
type Conversion = (samples: Uint16Array, channels: 3 | 4) => Uint8Array;

/** The image in 8-bit sRGB; the same image if it has not 16 bits per sample or no such profile. */
export function inSrgb(raw: Raw): Raw {
  if (!raw.profile || raw.isCmyk || !(raw.data instanceof Uint16Array)) return raw;
  const { data, channels, profile } =
    raw.channels === 1 ? grayAsRgb(raw.data, raw.profile) : { ...raw, data: raw.data };
  const conversion = profile && channels !== 1 && matrixConversion(profile);
  return conversion ? { ...raw, data: conversion(data, channels), channels, profile: undefined } : raw;
}

/** Gray of 16 bits with a profile, as RGB: sharp applies no profile to it. */
export function grayAsRgb(gray: Uint16Array, profile: Uint8Array) {
  const data = new Uint16Array(gray.length * 3);
  for (let i = 0; i < data.length; i++) data[i] = gray[Math.trunc(i / 3)];
  return { data, channels: 3, profile: rgbOfGray(profile) } as const;
}

/** Null for other profiles, such as those with tables, and for damaged ones: sharp decides. */
export function matrixConversion(profile: Uint8Array): Conversion | null {
  const bytes = Buffer.from(profile.buffer, profile.byteOffset, profile.byteLength);
  if (bytes.length < 132 || bytes.toString('latin1', 16, 24) !== 'RGB XYZ ') return null;
  try {
    const tags = readTags(bytes);
    if (tags.has('A2B0') || tags.has('A2B1') || tags.has('D2B0') || tags.has('D2B1')) return null;
    const columns = ['rXYZ', 'gXYZ', 'bXYZ'].map((name) => readXyz(tags.get(name)));
    const curves = ['rTRC', 'gTRC', 'bTRC'].map((name) => readCurve(tags.get(name)));
    // The columns are what linear red, green and blue of the profile are in linear sRGB.
    const [red, green, blue] = columns.map((column) => solve(srgbColorants, column));
    return (samples, channels) => convert(samples, channels, curves, [red, green, blue]);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** sRGB bytes of linear light, in steps that are small enough for the darkest levels. */
const srgbBytes = Uint8Array.from({ length: 65_536 }, (_, i) => Math.round(encode(i / 65_535)));
const toByte = (light: number) => (light <= 0 ? 0 : light >= 1 ? 255 : srgbBytes[(light * 65_535 + 0.5) | 0]);

function convert(
  samples: Uint16Array,
  channels: 3 | 4,
  [ofRed, ofGreen, ofBlue]: readonly Float32Array[],
  [[rr, gr, br], [rg, gg, bg], [rb, gb, bb]]: Matrix,
): Uint8Array {
  const out = new Uint8Array(samples.length);
  for (let i = 0; i < samples.length; i += channels) {
    const r = ofRed[samples[i]];
    const g = ofGreen[samples[i + 1]];
    const b = ofBlue[samples[i + 2]];
    out[i] = toByte(r * rr + g * rg + b * rb);
    out[i + 1] = toByte(r * gr + g * gg + b * gb);
    out[i + 2] = toByte(r * br + g * bg + b * bb);
    if (channels === 4) out[i + 3] = (samples[i + 3] + 128) / 257;
  }
  return out;
}

function readTags(bytes: Buffer): Map<string, Buffer> {
  const tags = new Map<string, Buffer>();
  for (let i = 0, at = 132; i < bytes.readUInt32BE(128); i++, at += 12) {
    const from = bytes.readUInt32BE(at + 4);
    tags.set(bytes.toString('latin1', at, at + 4), bytes.subarray(from, from + bytes.readUInt32BE(at + 8)));
  }
  return tags;
}

const unreadable = () => new RangeError('not of a matrix and curves');

function readXyz(tag: Buffer | undefined): Vector {
  if (tag?.toString('latin1', 0, 4) !== 'XYZ ') throw unreadable();
  return [8, 12, 16].map((at) => tag.readInt32BE(at) / 65_536) as Vector;
}

/** The number of parameters of the five kinds of parametric curves. */
const parameterCounts = [1, 3, 4, 5, 7];

/** Linear light of each 16-bit sample. */
function readCurve(tag: Buffer | undefined): Float32Array {
  const kind = tag?.toString('latin1', 0, 4);
  if (!tag || (kind !== 'curv' && kind !== 'para')) throw unreadable();
  const light = kind === 'para' ? parametric(tag) : sampled(tag);
  return Float32Array.from({ length: 65_536 }, (_, i) => light(i / 65_535));
}

/** A gamma or a table. */
function sampled(tag: Buffer): (x: number) => number {
  const count = tag.readUInt32BE(8);
  if (count === 0) return (x) => x;
  const table = Array.from({ length: count }, (_, i) => tag.readUInt16BE(12 + i * 2));
  if (count === 1) return (x) => x ** (table[0] / 256);
  return (x) => {
    const at = Math.min(count - 2, Math.floor(x * (count - 1)));
    const part = x * (count - 1) - at;
    return (table[at] * (1 - part) + table[at + 1] * part) / 65_535;
  };
}

function parametric(tag: Buffer): (x: number) => number {
  const kind = tag.readUInt16BE(8);
  const count = parameterCounts[kind];
  if (!count) throw unreadable();
  const [g, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from(
    { length: count },
    (_, i) => tag.readInt32BE(12 + i * 4) / 65_536,
  );
  const power = (x: number) => Math.max(0, a * x + b) ** g;
  switch (kind) {
    case 0:
      return (x) => x ** g;
    case 1:
      return (x) => (x >= -b / a ? power(x) : 0);
    case 2:
      return (x) => (x >= -b / a ? power(x) + c : c);
    case 3:
      return (x) => (x >= d ? power(x) : c * x);
    default:
      return (x) => (x >= d ? power(x) + e : c * x + f);
  }
}

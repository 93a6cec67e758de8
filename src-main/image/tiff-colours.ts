/** The samples of a TIFF as gray, RGB or CMYK of 8 or 16 bits, by the photometric interpretation (TIFF 6.0, sections 4 to 6 and 16 to 23). */
import { DecodeError, type Raw, type Samples } from './raw.ts';
import { tag, type Directory } from './tiff.ts';
import { compressions, photometrics, type Layout } from './tiff-picture.ts';

/** `values`: the colours and, if `hasAlpha`, alpha, interleaved: unsigned, of at most 16 bits. Throws DecodeError. */
export function coloursOfTiff(
  directory: Directory,
  layout: Layout,
  values: Samples,
  hasAlpha: boolean,
): Pick<Raw, 'data' | 'channels' | 'isCmyk' | 'profile'> {
  const { bits, colours, photometric, compression } = layout;
  const profile = layout.profile ?? undefined;
  if (photometric === photometrics.palette) return { data: fromPalette(directory, layout, values), channels: 3 };
  if (photometric === photometrics.lab || photometric === photometrics.iccLab) {
    if ((bits !== 8 && bits !== 16) || hasAlpha) throw unsupported('CIELab colours of this kind');
    return { data: fromLab(values, bits, photometric === photometrics.iccLab), channels: 3 };
  }
  const data = scaled(values, bits);
  if (photometric === photometrics.yCbCr || compression === compressions.jp2Aperio) {
    if (bits !== 8 || hasAlpha) throw unsupported('YCbCr colours of this kind');
    fromYCbCr(directory, data);
    return { data, channels: 3, profile };
  }
  const top = data.BYTES_PER_ELEMENT === 1 ? 255 : 65535;
  const step = colours + (hasAlpha ? 1 : 0);
  if (photometric === photometrics.whiteIsZero) for (let i = 0; i < data.length; i += step) data[i] = top - data[i];
  if (hasAlpha && directory.numbers(tag.extraSamples)[layout.alpha - colours] === 1) unmultiply(data, step, top);
  if (colours === 1 && hasAlpha) return { data: grayAsRgb(data), channels: 4 };
  return { data, channels: step as 1 | 3 | 4, profile, ...(colours === 4 && { isCmyk: true }) };
}

const unsupported = (what: string) =>
  new DecodeError('unsupported-format', `Winnow does not read TIFF with ${what} yet.`);

/** Samples of fewer bits use the whole range of 8 or 16. */
function scaled(values: Samples, bits: number): Uint8Array | Uint16Array {
  const data = values as Uint8Array | Uint16Array;
  if (bits === 8 || bits === 16) return data;
  const scale = (bits < 8 ? 255 : 65535) / (2 ** bits - 1);
  for (let i = 0; i < data.length; i++) data[i] = Math.round(data[i] * scale);
  return data;
}

function fromPalette(directory: Directory, { bits }: Layout, values: Samples): Uint8Array {
  const map = directory.numbers(tag.colourMap);
  const count = 2 ** bits;
  if (map.length < count * 3) throw new DecodeError('corrupt', 'The image data is damaged (its palette is too short).');
  const shift = map.every((value) => value < 256) ? 1 : 256; // some programs write a palette of 8 bits
  const out = new Uint8Array(values.length * 3);
  for (let i = 0; i < values.length; i++)
    for (let channel = 0; channel < 3; channel++) out[i * 3 + channel] = map[channel * count + values[i]] / shift;
  return out;
}

function grayAsRgb(data: Uint8Array | Uint16Array): Uint8Array | Uint16Array {
  const out = data.BYTES_PER_ELEMENT === 1 ? new Uint8Array(data.length * 2) : new Uint16Array(data.length * 2);
  for (let i = 0; i < data.length; i += 2) out.set([data[i], data[i], data[i], data[i + 1]], i * 2);
  return out;
}

/** Premultiplied colours become those of the picture. */
function unmultiply(data: Uint8Array | Uint16Array, step: number, top: number) {
  for (let i = 0; i < data.length; i += step) {
    const alpha = data[i + step - 1];
    for (let channel = 0; alpha && channel < step - 1; channel++)
      data[i + channel] = Math.min(top, Math.round((data[i + channel] * top) / alpha));
  }
}

/** In place, 8 bits. The coefficients default to those of CCIR 601-1. */
function fromYCbCr(directory: Directory, data: Uint8Array | Uint16Array) {
  const given = directory.numbers(tag.yCbCrCoefficients);
  const [red, green, blue] = given.length === 3 && given[1] ? given : [0.299, 0.587, 0.114];
  const reference = directory.numbers(tag.referenceBlackWhite);
  const [black, white, blueZero, blueTop, redZero, redTop] =
    reference.length === 6 ? reference : [0, 255, 128, 255, 128, 255];
  const clamp = (value: number) => Math.max(0, Math.min(255, Math.round(value)));
  for (let i = 0; i < data.length; i += 3) {
    const y = ((data[i] - black) * 255) / (white - black || 1);
    const cb = ((data[i + 1] - blueZero) * 127) / (blueTop - blueZero || 1);
    const cr = ((data[i + 2] - redZero) * 127) / (redTop - redZero || 1);
    const r = y + cr * (2 - 2 * red);
    const b = y + cb * (2 - 2 * blue);
    data[i] = clamp(r);
    data[i + 1] = clamp((y - red * r - blue * b) / green);
    data[i + 2] = clamp(b);
  }
}

/**
 * CIELab (D50) to sRGB of 8 bits, relative colorimetric: L from 0 to 100 is the whole range. a and b are signed, 1 (8 bits) or 1/256 (16 bits) per unit; in ICC Lab they are
 * offset by half of the range.
 */
function fromLab(values: Samples, bits: number, isIcc: boolean): Uint8Array {
  const unit = bits === 8 ? 1 : 256;
  const [top, half] = [2 ** bits - 1, 2 ** (bits - 1)];
  const signed = (value: number) => (isIcc ? value - half : value >= half ? value - 2 * half : value) / unit;
  const light = isIcc && bits === 16 ? 65280 : top;
  const linear = (t: number) => (t > 6 / 29 ? t ** 3 : 3 * (6 / 29) ** 2 * (t - 4 / 29));
  const gamma = (v: number) => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
  const out = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i += 3) {
    const fy = ((values[i] / light) * 100 + 16) / 116;
    const x = 0.96422 * linear(fy + signed(values[i + 1]) / 500);
    const y = linear(fy);
    const z = 0.82521 * linear(fy - signed(values[i + 2]) / 200);
    // XYZ of D50 to linear sRGB, with Bradford's adaptation
    out[i] = toByte(gamma(3.1338561 * x - 1.6168667 * y - 0.4906146 * z));
    out[i + 1] = toByte(gamma(-0.9787684 * x + 1.9161415 * y + 0.033454 * z));
    out[i + 2] = toByte(gamma(0.0719453 * x - 0.2289914 * y + 1.4052427 * z));
  }
  return out;
}

const toByte = (value: number) => Math.max(0, Math.min(255, Math.round(value * 255)));

/** Scene-linear values (OpenEXR, Radiance HDR) as sRGB: 1.0 is white, and what is brighter is clipped, which the notice says. */
import type { Raw } from './raw.ts';

const steps = 4096;
/** The sRGB transfer function (IEC 61966-2-1). */
export const encode = (value: number) =>
  255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055);
/** By the square root of the value, so that dark values have enough steps. */
const table = Uint8Array.from({ length: steps + 1 }, (_, i) => Math.round(encode((i / steps) ** 2)));

const toByte = (value: number) => (value > 0 ? table[Math.round(Math.sqrt(Math.min(1, value)) * steps)] : 0);

/** `values`: interleaved; alpha, if any, is the fourth channel, and the colours are multiplied by it. NaN is black. */
export function linearToRaw(values: Float32Array, width: number, height: number, channels: 1 | 3 | 4): Raw {
  const data = new Uint8Array(values.length);
  let isClipped = false;
  for (let i = 0; i < values.length; i += channels) {
    const alpha = channels === 4 ? Math.max(0, Math.min(1, values[i + 3])) : 1;
    const colours = channels === 4 ? 3 : channels;
    for (let c = 0; c < colours; c++) {
      const value = alpha > 0 ? values[i + c] / alpha : 0;
      if (value > 1.001) isClipped = true;
      data[i + c] = toByte(value);
    }
    if (channels === 4) data[i + 3] = Math.round(alpha * 255);
  }
  return {
    data,
    width,
    height,
    channels,
    isReduced: true,
    ...(isClipped && { notice: 'brighter than white (1.0) is clipped' }),
  };
}

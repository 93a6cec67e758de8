/** The colour map Inferno for error maps: perceptually uniform and readable in grayscale. Nine stops of matplotlib's map (CC0), linearly interpolated. */
const stops = ['000004', '1b0c41', '4a0c6b', '781c6d', 'a52c60', 'cf4446', 'ed6925', 'fb9b06', 'fcffa4'].map((hex) =>
  [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16)),
);

/** 256 × RGB. */
export const inferno = Uint8Array.from({ length: 256 * 3 }, (_, i) => {
  const at = (Math.floor(i / 3) / 255) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  const [from, to] = [stops[low][i % 3], stops[low + 1][i % 3]];
  return Math.round(from + (to - from) * (at - low));
});

export const infernoGradient = `linear-gradient(90deg, ${stops.map((rgb) => `rgb(${rgb.join(' ')})`).join(', ')})`;

/** The colours of both scales as pixels, 0xAABBGGRR. */
const pixels = (alphaOf: (level: number) => number): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, level) => {
    const [r, g, b] = inferno.subarray(3 * level);
    return ((alphaOf(level / 255) << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
const opaque = pixels(() => 255);
const veil = pixels((level) => Math.round(255 * Math.min(1, level * 1.6)));

/** Paints `values` on a canvas of their size; `white` is the top of the scale. `isVeil`: low values are transparent, for the overlay on the image. */
export function paint(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  width: number,
  height: number,
  white: number,
  isVeil: boolean,
) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const out = new Uint32Array(image.data.buffer);
  const colours = isVeil ? veil : opaque;
  for (let i = 0; i < values.length; i++)
    out[i] = colours[Math.round(Math.max(0, Math.min(1, values[i] / white)) * 255)];
  canvas.getContext('2d')?.putImageData(image, 0, 0);
}

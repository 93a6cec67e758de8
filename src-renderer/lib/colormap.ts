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

/** Paints `values` on a canvas of their size; `white` is the top of the scale. `veil`: low values are transparent, for the overlay on the image. */
export function paint(
  canvas: HTMLCanvasElement,
  values: Float32Array,
  width: number,
  height: number,
  white: number,
  veil: boolean,
) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < values.length; i++) {
    const level = Math.max(0, Math.min(1, values[i] / white));
    const at = Math.round(level * 255) * 3;
    image.data.set(inferno.subarray(at, at + 3), i * 4);
    image.data[i * 4 + 3] = veil ? Math.round(255 * Math.min(1, level * 1.6)) : 255;
  }
  canvas.getContext('2d')?.putImageData(image, 0, 0);
}

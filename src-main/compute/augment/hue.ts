/** Rotates the hue, in HSV. Values: turns, −0.5 to 0.5. */
import { amountOf, uniform, type Operation } from './operation.ts';

export const hue: Operation = {
  id: 'hue',
  amount: amountOf('Hue', 'Maximum rotation of the hue, as a fraction of the colour wheel.', {
    most: 0.5,
    step: 0.01,
  }),
  draw: (amount, next) => [uniform(amount, next)],
  apply(image, _sizePx, [turns]) {
    for (let i = 0; i < image.length; i += 3) {
      const r = image[i];
      const g = image[i + 1];
      const b = image[i + 2];
      const most = r > g ? (r > b ? r : b) : g > b ? g : b;
      const least = r < g ? (r < b ? r : b) : g < b ? g : b;
      const spread = most - least;
      if (!spread) continue;
      const sixth = most === r ? (g - b) / spread : most === g ? 2 + (b - r) / spread : 4 + (r - g) / spread;
      let h = sixth / 6 + turns;
      h -= Math.floor(h);
      const h6 = h * 6;
      const sector = Math.floor(h6) % 6;
      const f = h6 - Math.floor(h6);
      const s = spread / most;
      // Scaled to bytes like torchvision: times 255.999, truncated.
      const scaled = (most / 255) * 255.999;
      const v = scaled | 0;
      const p = (scaled * (1 - s)) | 0;
      const q = (scaled * (1 - s * f)) | 0;
      const t = (scaled * (1 - s * (1 - f))) | 0;
      image[i] = sector === 0 || sector === 5 ? v : sector === 1 ? q : sector === 4 ? t : p;
      image[i + 1] = sector === 1 || sector === 2 ? v : sector === 0 ? t : sector === 3 ? q : p;
      image[i + 2] = sector === 3 || sector === 4 ? v : sector === 2 ? t : sector === 5 ? q : p;
    }
  },
  describe: ([turns]) => `hue ${Math.round(turns * 360)}°`,
};

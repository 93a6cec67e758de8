/** Mixes two images and their labels: by blending (mixup, Zhang et al. 2018), or by pasting a rectangle of one into the other (CutMix, Yun et al. 2019). */
import type { Random } from '../random.ts';
import type { Recipe } from './recipe.ts';

export type Mix = { lambda: number } & (
  { kind: 'mixup' } | { kind: 'cutmix'; left: number; top: number; width: number; height: number }
);

/**
 * Draws the mix of a batch; null for none. `lambda`: the weight of an image's own label; for CutMix the exact fraction of the area that stays. If both are on,
 * each has probability ½.
 */
export function drawMix({ mixup, cutmix }: Pick<Recipe, 'mixup' | 'cutmix'>, sizePx: number, next: Random): Mix | null {
  if (!mixup && !cutmix) return null;
  const kind = mixup && cutmix ? (next() < 0.5 ? 'mixup' : 'cutmix') : mixup ? 'mixup' : 'cutmix';
  if (kind === 'mixup') return { kind, lambda: beta(mixup, next) };
  const half = Math.floor(0.5 * Math.sqrt(1 - beta(cutmix, next)) * sizePx);
  const [x, y] = [Math.floor(next() * sizePx), Math.floor(next() * sizePx)];
  const [left, top] = [Math.max(0, x - half), Math.max(0, y - half)];
  const [width, height] = [Math.min(sizePx, x + half) - left, Math.min(sizePx, y + half) - top];
  return { kind, left, top, width, height, lambda: 1 - (width * height) / sizePx ** 2 };
}

/** Mixes `partner` into `image`, in place. */
export function applyMix(image: Uint8Array, partner: Uint8Array, sizePx: number, mix: Mix): void {
  if (mix.kind === 'mixup') {
    const own = Math.round(mix.lambda * 65536);
    for (let i = 0; i < image.length; i++) image[i] = (image[i] * own + partner[i] * (65536 - own) + 32768) >> 16;
    return;
  }
  const { left, top, width, height } = mix;
  for (let y = top; y < top + height; y++) {
    const at = (y * sizePx + left) * 3;
    image.set(partner.subarray(at, at + width * 3), at);
  }
}

/** A number from Beta(alpha, alpha), by two gamma variates. */
export function beta(alpha: number, next: Random): number {
  const [a, b] = [gamma(alpha, next), gamma(alpha, next)];
  return a + b > 0 ? a / (a + b) : Number(next() < 0.5);
}

/** A number from Gamma(alpha, 1) (Marsaglia & Tsang 2000); for alpha < 1 by Gamma(alpha + 1). */
function gamma(alpha: number, next: Random): number {
  if (alpha < 1) return gamma(alpha + 1, next) * (1 - next()) ** (1 / alpha);
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

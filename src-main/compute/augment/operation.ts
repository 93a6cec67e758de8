/**
 * An augmentation is a record: one number in the form (its amount), a function that draws random values for one image, and a function that applies them to the
 * image's bytes in place. The values are plain numbers, so that the preview can describe what training does. Images are square RGB bytes: [S, S, 3].
 */
import { z } from 'zod';
import type { Random } from '../random.ts';

export interface Operation {
  /** Also the name of its field in the form. */
  id: string;
  /** 0 is off. */
  amount: z.ZodDefault<z.ZodNumber>;
  /** If given, it is applied with any policy, before or after the operations of the policy. Otherwise it belongs to the custom policy. */
  position?: 'before' | 'after';
  /** The random values for one image; null if the image stays unchanged. */
  draw(amount: number, next: Random, sizePx: number): number[] | null;
  /** Changes the image in place. */
  apply(image: Uint8Array, sizePx: number, values: readonly number[]): void;
  /** Only for affine operations: consecutive ones are combined into one warp. */
  matrix?(values: readonly number[]): Matrix;
  /** A short text for the preview: "rotate 12°". */
  describe(values: readonly number[]): string;
}

/** Maps a pixel of the result to its place in the source, both relative to the centre of the image: x' = m0·x + m1·y + m2, y' = m3·x + m4·y + m5. */
export type Matrix = readonly [number, number, number, number, number, number];

/** The field of an operation in the form. `usual`: its default. */
export function amountOf(
  title: string,
  description: string,
  {
    most,
    step,
    unit,
    usual = 0,
    advanced = true,
  }: { most: number; step: number; unit?: string; usual?: number; advanced?: boolean },
): Operation['amount'] {
  return z
    .number()
    .min(0)
    .max(most)
    .default(usual)
    .describe(description)
    .meta({ title, group: 'Augmentation', step, ...(unit && { unit }), ...(advanced && { advanced }) });
}

/** A uniform random number from −most to most. */
export const uniform = (most: number, next: Random): number => (next() * 2 - 1) * most;
/** A uniform random factor from 1 − amount to 1 + amount. */
export const factorOf = (amount: number, next: Random): number => Math.max(0, 1 + uniform(amount, next));
/** `draw` of an operation without values, whose amount is a probability. */
export const withProbability = (probability: number, next: Random): number[] | null =>
  next() < probability ? [] : null;

let scratch = new Uint8Array(0);

/** A copy of the image, in a buffer that the next call reuses. */
export function copyOf(image: Uint8Array): Uint8Array {
  if (scratch.length < image.length) scratch = new Uint8Array(image.length);
  scratch.set(image);
  return scratch;
}

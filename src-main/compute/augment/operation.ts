/**
 * What an operation of augmentation is: one number in the form, a way to draw concrete values for one image, and a way to do them to its bytes in place.
 * Values are plain numbers, so that a preview can tell what training does. Images are square, RGB interleaved: [S, S, 3].
 */
import { z } from 'zod';
import type { Random } from '../random.ts';

export interface Operation {
  /** Also the name of its field. */
  id: string;
  /** 0 is off. */
  amount: z.ZodDefault<z.ZodNumber>;
  /** With any policy, not only with one's own: before the others, or after them. */
  beside?: 'before' | 'after';
  /** Null where nothing happens this time. */
  draw(amount: number, next: Random, sizePx: number): number[] | null;
  /** In place. */
  apply(image: Uint8Array, sizePx: number, values: readonly number[]): void;
  /** For affine ones: where a pixel comes from. Those that follow each other then are one warp. */
  matrix?(values: readonly number[]): Matrix;
  /** "rotate 12°" */
  describe(values: readonly number[]): string;
}

/** x' = m0·x + m1·y + m2, y' = m3·x + m4·y + m5, from the middle of the image: of a result's pixel, the place in the source. */
export type Matrix = readonly [number, number, number, number, number, number];

/** A field of the form. */
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

/** Evenly from -most to most. */
export const around = (most: number, next: Random): number => (next() * 2 - 1) * most;
/** A factor evenly from 1 - amount to 1 + amount. */
export const factorOf = (amount: number, next: Random): number => Math.max(0, 1 + around(amount, next));
export const perhaps = (probability: number, next: Random): number[] | null => (next() < probability ? [] : null);

let scratch = new Uint8Array(0);

/** The image as it is now, in bytes that the next call takes again. */
export function copyOf(image: Uint8Array): Uint8Array {
  if (scratch.length < image.length) scratch = new Uint8Array(image.length);
  scratch.set(image);
  return scratch;
}

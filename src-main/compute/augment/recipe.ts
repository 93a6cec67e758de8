/**
 * The augmentation of a training: a published policy or the custom one, and with any policy crops, flips and erasing. From a recipe, random steps are drawn for one
 * image, which describe everything that will happen to it; then they are applied.
 */
import { z } from 'zod';
import type { Random } from '../random.ts';
import { operationOf, operations } from './index.ts';
import type { Matrix, Operation } from './operation.ts';
import { autoAugment, randAugment, type Step } from './policies.ts';
import { compose, warp } from './warp.ts';

export type { Step } from './policies.ts';

/** One field per operation, by its id. */
const amounts = Object.fromEntries(operations.map(({ id, amount }) => [id, amount]));
const amountIn = (recipe: object, id: string): number => (recipe as Record<string, number>)[id];

const group = 'Augmentation';
export const augmentationParameters = {
  policy: z
    .enum(['custom', 'none', 'randaugment', 'autoaugment-imagenet', 'autoaugment-cifar10', 'autoaugment-svhn'])
    .default('custom')
    .describe(
      'How images are augmented: by the amounts below, not at all, or by a published policy. Crop, mirror and erasing combine with any policy.',
    )
    .meta({ title: 'Policy', group }),
  numOps: z
    .int()
    .min(0)
    .max(8)
    .default(2)
    .describe('RandAugment: operations per image.')
    .meta({ title: 'Operations', group }),
  magnitude: z
    .int()
    .min(0)
    .max(30)
    .default(9)
    .describe('RandAugment: strength of the operations.')
    .meta({ title: 'Magnitude', group }),
  ...amounts,
  mixup: z
    .number()
    .min(0)
    .max(4)
    .default(0)
    .describe('Blends two images and their labels. Alpha of the Beta distribution: 0 for never, 0.2 is usual.')
    .meta({ title: 'Mixup', group, step: 0.1, advanced: true }),
  cutmix: z
    .number()
    .min(0)
    .max(4)
    .default(0)
    .describe(
      'Pastes a rectangle of another image and mixes the labels by area. Alpha of the Beta distribution: 0 for never, 1 is usual.',
    )
    .meta({ title: 'CutMix', group, step: 0.1, advanced: true }),
};

export type Recipe = z.infer<z.ZodObject<typeof augmentationParameters>>;

/** Draws the steps for one image. */
export function drawRecipe(recipe: Recipe, sizePx: number, next: Random): Step[] {
  const drawn = (wanted: Operation['position']): Step[] =>
    operations.flatMap(({ id, position, draw }: Operation) => {
      const amount = position === wanted ? amountIn(recipe, id) : 0;
      const values = amount > 0 ? draw(amount, next, sizePx) : null;
      return values ? [{ operation: id, values }] : [];
    });
  return [...drawn('before'), ...byPolicy(recipe, sizePx, next, () => drawn(undefined)), ...drawn('after')];
}

function byPolicy({ policy, numOps, magnitude }: Recipe, sizePx: number, next: Random, own: () => Step[]): Step[] {
  switch (policy) {
    case 'none':
      return [];
    case 'custom':
      return own();
    case 'randaugment':
      return randAugment(numOps, magnitude, sizePx, next);
    case 'autoaugment-imagenet':
      return autoAugment('imagenet', sizePx, next);
    case 'autoaugment-cifar10':
      return autoAugment('cifar10', sizePx, next);
    case 'autoaugment-svhn':
      return autoAugment('svhn', sizePx, next);
  }
}

/** Applies the steps to the image, in place. Consecutive affine steps with bilinear interpolation are combined into one warp: this is faster and keeps more detail. */
export function applySteps(image: Uint8Array, sizePx: number, steps: readonly Step[]): void {
  for (let i = 0; i < steps.length;) {
    const operation = operationOf(steps[i].operation);
    const interpolation = steps[i].values.at(-1) as number;
    let matrix: Matrix | undefined;
    let until = i;
    for (; interpolation && until < steps.length; until++) {
      const own = operationOf(steps[until].operation).matrix;
      if (!own || steps[until].values.at(-1) !== interpolation) break;
      matrix = matrix ? compose(matrix, own(steps[until].values)) : own(steps[until].values);
    }
    if (matrix) warp(image, sizePx, matrix, interpolation);
    else operation.apply(image, sizePx, steps[i].values);
    i = matrix ? until : i + 1;
  }
}

/** A short text for the preview: "rotate 12°". */
export const describeStep = ({ operation, values }: Step): string => operationOf(operation).describe(values);

/**
 * The published policies: RandAugment (Cubuk et al. 2020) draws operations uniformly and applies them with one magnitude; AutoAugment (Cubuk et al. 2019) draws
 * one of 25 pairs of operations. Ranges, bins and pairs are those of torchvision; the tests compare them. Geometric operations use the nearest pixel, with
 * black outside.
 */
import type { Random } from '../random.ts';
import { nearest } from './warp.ts';

/** One operation of `index.ts`, by id, and the values for its `apply`. */
export interface Step {
  operation: string;
  values: number[];
}

/** An operation of the papers: its magnitude for a bin, whether its sign is random, and the step for a magnitude. */
interface Named {
  magnitude?(bin: number, bins: number, sizePx: number): number;
  signed?: boolean;
  step(magnitude: number): Step | null;
}

/** Magnitudes at equal distances, rounded to float32 like torchvision's. */
const evenly =
  (from: number, to: number) =>
  (bin: number, bins: number): number =>
    Math.fround(from + ((to - from) * bin) / (bins - 1));
const acrossSide = (bin: number, bins: number, sizePx: number): number => evenly(0, (150 / 331) * sizePx)(bin, bins);
const enhance = (operation: string): Named => ({
  magnitude: evenly(0, 0.9),
  signed: true,
  step: (m) => ({ operation, values: [1 + m] }),
});
const plain = (operation: string): Named => ({ step: () => ({ operation, values: [] }) });

/** By the names of the papers. Shears keep the upper left corner fixed; translations are by whole pixels. */
export const space: Record<string, Named> = {
  Identity: { step: () => null },
  ShearX: {
    magnitude: evenly(0, 0.3),
    signed: true,
    step: (m) => ({ operation: 'shear', values: [m, 0, 0, nearest] }),
  },
  ShearY: {
    magnitude: evenly(0, 0.3),
    signed: true,
    step: (m) => ({ operation: 'shear', values: [0, m, 0, nearest] }),
  },
  TranslateX: {
    magnitude: acrossSide,
    signed: true,
    step: (m) => ({ operation: 'translation', values: [Math.trunc(m), 0, nearest] }),
  },
  TranslateY: {
    magnitude: acrossSide,
    signed: true,
    step: (m) => ({ operation: 'translation', values: [0, Math.trunc(m), nearest] }),
  },
  Rotate: { magnitude: evenly(0, 30), signed: true, step: (m) => ({ operation: 'rotation', values: [m, nearest] }) },
  Brightness: enhance('brightness'),
  Color: enhance('saturation'),
  Contrast: enhance('contrast'),
  Sharpness: enhance('sharpness'),
  Posterize: {
    magnitude: (bin, bins) => Math.round(8 - (bin * 4) / (bins - 1)),
    step: (m) => ({ operation: 'posterize', values: [m] }),
  },
  Solarize: { magnitude: evenly(1, 0), step: (m) => ({ operation: 'solarize', values: [255 * m] }) },
  AutoContrast: plain('autocontrast'),
  Equalize: plain('equalize'),
  Invert: plain('invert'),
};

export const randAugmentNames = [
  'Identity',
  'ShearX',
  'ShearY',
  'TranslateX',
  'TranslateY',
  'Rotate',
  'Brightness',
  'Color',
  'Contrast',
  'Sharpness',
  'Posterize',
  'Solarize',
  'AutoContrast',
  'Equalize',
];
export const randAugmentBins = 31;
export const autoAugmentBins = 10;

function stepOf(name: string, bin: number | null, bins: number, sizePx: number, next: Random): Step | null {
  const { magnitude, signed, step } = space[name];
  const size = magnitude && bin !== null ? magnitude(bin, bins, sizePx) : 0;
  return step(signed && next() <= 0.5 ? -size : size);
}

/** Draws `numOps` operations with replacement. `magnitude` is a bin from 0 to 30. */
export function randAugment(numOps: number, magnitude: number, sizePx: number, next: Random): Step[] {
  return Array.from({ length: numOps }, () =>
    stepOf(randAugmentNames[Math.floor(next() * randAugmentNames.length)], magnitude, randAugmentBins, sizePx, next),
  ).filter((step) => step !== null);
}

export type Pair = readonly (readonly [name: string, probability: number, bin: number | null])[];

/** Parses lines such as "Rotate .4 9, Equalize .6": name, probability, and one of ten magnitudes. */
const pairs = (text: string): Pair[] =>
  text
    .trim()
    .split('\n')
    .map((line) =>
      line.split(',').map((one) => {
        const [name, probability, bin] = one.trim().split(' ');
        return [name, Number(probability), bin === undefined ? null : Number(bin)] as const;
      }),
    );

export const autoAugmentPairs = {
  imagenet: pairs(`
    Posterize .4 8, Rotate .6 9
    Solarize .6 5, AutoContrast .6
    Equalize .8, Equalize .6
    Posterize .6 7, Posterize .6 6
    Equalize .4, Solarize .2 4
    Equalize .4, Rotate .8 8
    Solarize .6 3, Equalize .6
    Posterize .8 5, Equalize 1
    Rotate .2 3, Solarize .6 8
    Equalize .6, Posterize .4 6
    Rotate .8 8, Color .4 0
    Rotate .4 9, Equalize .6
    Equalize 0, Equalize .8
    Invert .6, Equalize 1
    Color .6 4, Contrast 1 8
    Rotate .8 8, Color 1 2
    Color .8 8, Solarize .8 7
    Sharpness .4 7, Invert .6
    ShearX .6 5, Equalize 1
    Color .4 0, Equalize .6
    Equalize .4, Solarize .2 4
    Solarize .6 5, AutoContrast .6
    Invert .6, Equalize 1
    Color .6 4, Contrast 1 8
    Equalize .8, Equalize .6`),
  cifar10: pairs(`
    Invert .1, Contrast .2 6
    Rotate .7 2, TranslateX .3 9
    Sharpness .8 1, Sharpness .9 3
    ShearY .5 8, TranslateY .7 9
    AutoContrast .5, Equalize .9
    ShearY .2 7, Posterize .3 7
    Color .4 3, Brightness .6 7
    Sharpness .3 9, Brightness .7 9
    Equalize .6, Equalize .5
    Contrast .6 7, Sharpness .6 5
    Color .7 7, TranslateX .5 8
    Equalize .3, AutoContrast .4
    TranslateY .4 3, Sharpness .2 6
    Brightness .9 6, Color .2 8
    Solarize .5 2, Invert 0
    Equalize .2, AutoContrast .6
    Equalize .2, Equalize .6
    Color .9 9, Equalize .6
    AutoContrast .8, Solarize .2 8
    Brightness .1 3, Color .7 0
    Solarize .4 5, AutoContrast .9
    TranslateY .9 9, TranslateY .7 9
    AutoContrast .9, Solarize .8 3
    Equalize .8, Invert .1
    TranslateY .7 9, AutoContrast .9`),
  svhn: pairs(`
    ShearX .9 4, Invert .2
    ShearY .9 8, Invert .7
    Equalize .6, Solarize .6 6
    Invert .9, Equalize .6
    Equalize .6, Rotate .9 3
    ShearX .9 4, AutoContrast .8
    ShearY .9 8, Invert .4
    ShearY .9 5, Solarize .2 6
    Invert .9, AutoContrast .8
    Equalize .6, Rotate .9 3
    ShearX .9 4, Solarize .3 3
    ShearY .8 8, Invert .7
    Equalize .9, TranslateY .6 6
    Invert .9, Equalize .6
    Contrast .3 3, Rotate .8 4
    Invert .8, TranslateY 0 2
    ShearY .7 6, Solarize .4 8
    Invert .6, Rotate .8 4
    ShearY .3 7, TranslateX .9 3
    ShearX .1 6, Invert .6
    Solarize .7 2, TranslateY .6 7
    ShearY .8 4, Invert .8
    ShearX .7 9, TranslateY .8 3
    ShearY .8 5, AutoContrast .7
    ShearX .7 2, Invert .1`),
} as const;

/** Draws one pair of the policy, and for each operation of the pair whether it is applied. */
export function autoAugment(policy: keyof typeof autoAugmentPairs, sizePx: number, next: Random): Step[] {
  const all = autoAugmentPairs[policy];
  return all[Math.floor(next() * all.length)].flatMap(([name, probability, bin]) =>
    next() <= probability ? (stepOf(name, bin, autoAugmentBins, sizePx, next) ?? []) : [],
  );
}

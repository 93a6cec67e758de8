/** Augmentation: every operation returns a valid image and is reproducible by seed; deterministic ones equal torchvision (fixtures/augment.json, written by augment.py); policies equal the published ones. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { operationOf, operations } from '../../src-main/compute/augment/index.ts';
import { applyMix, beta, drawMix } from '../../src-main/compute/augment/mix.ts';
import { coefficientsOf } from '../../src-main/compute/augment/perspective.ts';
import {
  autoAugmentBins,
  autoAugmentPairs,
  randAugment,
  randAugmentBins,
  randAugmentNames,
  space,
} from '../../src-main/compute/augment/policies.ts';
import {
  applySteps,
  augmentationParameters,
  drawRecipe,
  describeStep,
  type Recipe,
} from '../../src-main/compute/augment/recipe.ts';
import { random } from '../../src-main/compute/random.ts';

const reference = JSON.parse(fs.readFileSync(new URL('../fixtures/augment.json', import.meta.url), 'utf8')) as {
  size: number;
  results: Record<'noise' | 'slopes', Record<string, string>>;
  randAugment: { names: string[]; signed: Record<string, boolean>; magnitudes: Record<string, number[] | null> };
  autoAugment: {
    magnitudes: Record<string, number[] | null>;
    policies: Record<keyof typeof autoAugmentPairs, [string, number, number | null][][]>;
  };
};
const { size } = reference;

/** The images of the fixture. */
const images = {
  noise: (() => {
    let state = 7;
    return Uint8Array.from(
      { length: size * size * 3 },
      () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24,
    );
  })(),
  slopes: Uint8Array.from(
    Array.from({ length: size * size }, (_, i) => {
      const [x, y] = [i % size, Math.floor(i / size)];
      return (x - 18) ** 2 + (y - 14) ** 2 < 70 ? [200, 90 + x, 60 + 2 * y] : [40 + 4 * x, 60 + 3 * y, 100 + x + y];
    }).flat(),
  ),
};

/**
 * Largest allowed mean difference to torchvision, in levels of 255; 0 for cases that are not listed. At 30° some positions lie exactly between two pixels, and either is the nearest.
 * At the border of a crop we interpolate with the pixels around it, torchvision with its repeated border.
 */
const tolerances: Record<string, { noise: number; slopes: number }> = {
  'rotation -30 0': { noise: 1.1, slopes: 0.02 },
  'resizedCrop 3.0 5.0 20 24': { noise: 1.5, slopes: 0.1 },
};

describe('equals torchvision', () => {
  const cases = Object.keys(reference.results.noise);
  it.each(cases)('%s', (name) => {
    const [id, ...numbers] = name.split(' ');
    const values =
      id === 'perspective'
        ? coefficientsOf(
            [
              [0, 0],
              [32, 0],
              [32, 32],
              [0, 32],
            ],
            [
              [4, 2],
              [30, 5],
              [27, 31],
              [1, 26],
            ],
          )
        : numbers.map(Number);
    for (const which of ['noise', 'slopes'] as const) {
      const out = images[which].slice();
      operationOf(id).apply(out, size, values);
      const theirs = Buffer.from(reference.results[which][name], 'base64');
      const difference = out.reduce((sum, value, i) => sum + Math.abs(value - theirs[i]), 0) / out.length;
      expect(difference, which).toBeLessThanOrEqual(tolerances[name]?.[which] ?? 0);
    }
  });

  it('RandAugment: names, signs and magnitudes', () => {
    expect(randAugmentNames).toEqual(reference.randAugment.names);
    for (const [name, theirs] of Object.entries(reference.randAugment.magnitudes)) {
      expect(space[name].signed ?? false, name).toBe(reference.randAugment.signed[name]);
      expect(space[name].magnitude === undefined, name).toBe(theirs === null);
      theirs?.forEach((value, bin) =>
        expect(space[name].magnitude!(bin, randAugmentBins, 64), `${name} ${bin}`).toBeCloseTo(value, 5),
      );
    }
  });

  it('AutoAugment: pairs and magnitudes', () => {
    expect(autoAugmentPairs).toEqual(reference.autoAugment.policies);
    for (const [name, theirs] of Object.entries(reference.autoAugment.magnitudes))
      theirs?.forEach((value, bin) =>
        expect(space[name].magnitude!(bin, autoAugmentBins, 64), `${name} ${bin}`).toBeCloseTo(value, 5),
      );
  });
});

describe.each(operations.map((operation) => [operation.id, operation] as const))('%s', (_id, operation) => {
  const { maximum } = z.toJSONSchema(operation.amount) as { maximum: number };

  it.each([1, 2, 7, 33, 64])('returns a valid image of %i px, the same for the same seed', (sizePx) => {
    const make = (seed: number): { values: number[] | null; image: Uint8Array } => {
      const next = random('image', 5);
      const image = Uint8Array.from({ length: sizePx * sizePx * 3 }, () => next() * 256);
      const values = operation.draw(maximum, random('draw', seed), sizePx);
      if (values) operation.apply(image, sizePx, values);
      return { values, image };
    };
    const seen = new Set<string>();
    for (let seed = 0; seed < 12; seed++) {
      const [first, again] = [make(seed), make(seed)];
      expect(again).toEqual(first);
      expect(first.image.length).toBe(sizePx * sizePx * 3);
      if (!first.values) continue;
      expect(first.values.every(Number.isFinite)).toBe(true);
      expect(operation.describe(first.values)).toMatch(/^\S.*\S$/);
      expect(JSON.parse(JSON.stringify(first.values))).toEqual(first.values);
      seen.add(Buffer.from(first.image).toString('latin1'));
    }
    if (sizePx >= 33) expect(seen.size).toBeGreaterThan(0);
  });

  it('changes an image; a flat image stays flat if no border moves in', () => {
    const image = images.slopes.slice();
    const values = Array.from({ length: 20 }, (_, seed) => operation.draw(maximum, random('some', seed), size)).find(
      (drawn) => drawn !== null,
    )!;
    operation.apply(image, size, values);
    expect(image).not.toEqual(images.slopes);
    const plain = new Uint8Array(size * size * 3).fill(128);
    operation.apply(plain, size, values);
    expect(plain.every((value) => value >= 0 && value <= 255)).toBe(true);
  });

  it('is off or mild by default, and off at strength 0', () => {
    expect(operation.amount.parse(undefined)).toBeLessThanOrEqual(10);
    const recipe = z
      .object(augmentationParameters)
      .parse({ ...Object.fromEntries(operations.map(({ id }) => [id, 0])), policy: 'custom' });
    expect(drawRecipe(recipe, 32, random('none'))).toEqual([]);
    const only = { ...recipe, [operation.id]: maximum };
    const drawn = Array.from({ length: 30 }, (_, seed) => drawRecipe(only, 32, random('only', seed))).flat();
    expect(new Set(drawn.map((step) => step.operation))).toEqual(new Set([operation.id]));
  });
});

describe('a recipe', () => {
  const recipe = (change: Partial<Recipe> & Record<string, unknown> = {}): Recipe =>
    z.object(augmentationParameters).parse(change);

  it('with the policy none does nothing', () => {
    expect(
      Array.from({ length: 50 }, (_, seed) => drawRecipe(recipe({ policy: 'none' }), 32, random(seed))).flat(),
    ).toEqual([]);
  });

  it('of RandAugment has the requested number of operations, all equally frequent', () => {
    const counts = new Map<string, number>();
    const rounds = 4000;
    let identities = 0;
    for (let seed = 0; seed < rounds; seed++) {
      const steps = drawRecipe(recipe({ policy: 'randaugment', numOps: 3 }), 64, random('rand', seed));
      expect(steps.length).toBeLessThanOrEqual(3);
      identities += 3 - steps.length;
      for (const { operation } of steps) counts.set(operation, (counts.get(operation) ?? 0) + 1);
    }
    const share = (3 * rounds) / 14;
    expect(identities / share).toBeCloseTo(1, 0.8);
    for (const [name, count] of counts)
      expect(count / share, name).toBeCloseTo(name === 'shear' || name === 'translation' ? 2 : 1, 0.6);
    const signs = Array.from({ length: 1000 }, (_, seed) => randAugment(1, 9, 64, random('sign', seed)))
      .flat()
      .filter(({ operation }) => operation === 'rotation');
    expect(new Set(signs.map(({ values }) => Math.round(values[0])))).toEqual(new Set([-9, 9]));
  });

  it('mirrors with the requested probability, whatever the policy', () => {
    for (const policy of ['custom', 'none', 'randaugment', 'autoaugment-svhn'] as const) {
      const mirrored = Array.from({ length: 2000 }, (_, seed) =>
        drawRecipe(recipe({ policy, flipX: 0.3 }), 32, random(policy, seed)),
      ).filter((steps) => steps.some(({ operation }) => operation === 'flipX'));
      expect(mirrored.length / 2000).toBeCloseTo(0.3, 1);
    }
  });

  it('combines consecutive affine steps into one warp with the same result', () => {
    // A bright square far from the border, rotated, translated and scaled.
    const sizePx = 65;
    const image = new Uint8Array(sizePx * sizePx * 3);
    for (let y = 36; y < 45; y++) image.fill(250, (y * sizePx + 40) * 3, (y * sizePx + 49) * 3);
    const steps = [
      { operation: 'rotation', values: [90, 1] },
      { operation: 'translation', values: [6, -4, 1] },
      { operation: 'scale', values: [1.5, 1] },
    ];
    const [whole, stepwise] = [image.slice(), image.slice()];
    applySteps(whole, sizePx, steps);
    for (const step of steps) applySteps(stepwise, sizePx, [step]);
    const middle = (of: Uint8Array): number[] => {
      let [sum, sx, sy] = [0, 0, 0];
      of.forEach(
        (value, i) => (
          (sum += value),
          (sx += value * (Math.floor(i / 3) % sizePx)),
          (sy += value * Math.floor(i / 3 / sizePx))
        ),
      );
      return [sx / sum, sy / sum];
    };
    // 90° counter-clockwise takes (12, 8), relative to the centre, to (8, -12); then (14, -16) by translation, then scaled by 1.5.
    const [x, y] = middle(whole);
    expect(x - 32).toBeCloseTo(21, 0);
    expect(y - 32).toBeCloseTo(-24, 0);
    middle(stepwise).forEach((value, i) => expect(value).toBeCloseTo(middle(whole)[i], 0));
  });

  it('contains no step without effect', () => {
    for (let seed = 0; seed < 300; seed++) {
      for (const step of drawRecipe(recipe({ posterize: 3, translation: 0.02 }), 32, random('idle', seed))) {
        expect(describeStep(step)).not.toMatch(/to 8 bits|move 0 px/);
      }
    }
  });

  it('describes each step', () => {
    for (let seed = 0; seed < 200; seed++) {
      for (const policy of ['custom', 'randaugment', 'autoaugment-imagenet'] as const) {
        for (const step of drawRecipe(recipe({ policy, erasing: 0.5, resizedCrop: 0.5 }), 64, random(policy, seed)))
          expect(describeStep(step)).toMatch(/[a-zA-Z]/);
      }
    }
  });
});

describe('mixing', () => {
  it('reports the remaining fraction of an image', () => {
    for (let seed = 0; seed < 200; seed++) {
      const mix = drawMix({ mixup: seed % 3 ? 0.4 : 0, cutmix: seed % 3 === 1 ? 0 : 1 }, 32, random('mix', seed))!;
      const [own, other] = [new Uint8Array(32 * 32 * 3).fill(200), new Uint8Array(32 * 32 * 3)];
      applyMix(own, other, 32, mix);
      const left = own.reduce((sum, value) => sum + value, 0) / own.length / 200;
      expect(Math.abs(left - mix.lambda)).toBeLessThan(mix.kind === 'cutmix' ? 1e-9 : 3e-3);
    }
    expect(drawMix({ mixup: 0, cutmix: 0 }, 32, random('none'))).toBeNull();
  });

  it.each([0.2, 1, 3])('draws from Beta(%f, same): mean a half, variance 1 / (4 (2α + 1))', (alpha) => {
    const next = random('beta', alpha);
    const values = Array.from({ length: 20_000 }, () => beta(alpha, next));
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(0.5, 1.7);
    expect(variance * 4 * (2 * alpha + 1)).toBeCloseTo(1, 1.2);
  });
});

it('the loops in C++ give the same bytes as TypeScript', () => {
  const script = `
    import { createHash } from 'node:crypto';
    const { operations } = await import(${JSON.stringify(new URL('../../src-main/compute/augment/index.ts', import.meta.url).href)});
    const { loops } = await import(${JSON.stringify(new URL('../../src-main/compute/augment/loops.ts', import.meta.url).href)});
    const { random } = await import(${JSON.stringify(new URL('../../src-main/compute/random.ts', import.meta.url).href)});
    const hashes = {};
    for (const { id, draw, apply } of operations) {
      const hash = createHash('sha256');
      for (const sizePx of [1, 2, 3, 31, 64, 97]) for (let seed = 0; seed < 40; seed++) {
        const next = random(id, sizePx, seed);
        const plain = seed % 4 === 0 ? 40 : 256;
        const image = Uint8Array.from({ length: sizePx * sizePx * 3 }, () => next() * plain);
        const values = draw(0.9, next, sizePx);
        if (values) apply(image, sizePx, seed % 2 && ['rotation', 'shear', 'scale', 'translation'].includes(id) ? [...values.slice(0, -1), 0] : values);
        hash.update(image);
      }
      hashes[id] = hash.digest('hex');
    }
    process.stdout.write(JSON.stringify({ has: loops !== null, hashes }));`;
  const told = (kernels: string): { has: boolean; hashes: Record<string, string> } =>
    JSON.parse(
      spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        env: { ...process.env, WINNOW_KERNELS: kernels, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
      }).stdout,
    );
  const [compiled, plain] = [told(''), told('off')];
  expect(plain.has).toBe(false);
  if (process.platform === 'linux' && process.arch === 'x64') expect(compiled.has).toBe(true);
  expect(compiled.hashes).toEqual(plain.hashes);
});

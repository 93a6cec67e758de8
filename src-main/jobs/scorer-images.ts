/** Prepares the inputs of scorers as rows of the row store, one entry per kind of input. */
import type { Scorer } from '../compute/anomaly/index.ts';
import { patchSize } from '../compute/anomaly/scorer.ts';
import { sideStep } from '../compute/embed/patches.ts';
import { usual } from '../compute/models/pretrained.ts';
import { random } from '../compute/random.ts';
import type { Sample, ScorerInputs } from '../contract/types.ts';
import { plantDefect } from '../image/plant.ts';
import type { JobContext } from './context.ts';
import type { RowRecipe, Rows } from '../rows/row-store.ts';
import { embeddingRecipe, embedSamples, makeFeatures } from './embeddings.ts';
import type { Report } from '../workspace/report.ts';
import { patchRecipe } from './patches.ts';
import { packPixels, pixelRecipe } from './pixels.ts';

interface Inputs {
  recipe(context: JobContext, sizePx: number): RowRecipe;
  /** As a stage of a job. Files that can no longer be read become issues. */
  prepare(context: JobContext, samples: readonly Sample[], sizePx: number, report: Report): Promise<Rows>;
  /** The size of a decoded image, and where its pixels start. */
  frame(decoded: Uint8Array, sizePx: number): { width: number; height: number; at: number };
}

const inputs: Record<ScorerInputs, Inputs> = {
  pixels: {
    recipe: ({ folder }, sizePx) => pixelRecipe(folder, { sizePx }),
    prepare: (context, samples, sizePx, report) => packPixels(context, samples, { sizePx }, report),
    frame: (_decoded, sizePx) => ({ width: sizePx, height: sizePx, at: 0 }),
  },
  embeddings: {
    recipe: (context) => embeddingRecipe(context),
    prepare: (context, samples, _sizePx, report) => embedSamples(context, samples, report),
    frame: () => ({ width: usual.sizePx, height: usual.sizePx, at: 0 }),
  },
  patches: {
    recipe: (context, sizePx) => patchRecipe(context, sizePx),
    prepare: (context, samples, sizePx, report) =>
      makeFeatures(context, patchRecipe(context, sizePx), 'Features of patches', samples, report),
    frame: ([height, width]) => ({ width: width * sideStep, height: height * sideStep, at: 2 }),
  },
};

/** The parameters, with a size that depends on the number of images in place of 0. */
export function withSize(scorer: Scorer, parameters: Record<string, unknown>, images: number): Record<string, unknown> {
  return parameters.sizePx === 0 && scorer.inputs === 'patches'
    ? { ...parameters, sizePx: patchSize(images) }
    : parameters;
}

/** Throws WinnowError. */
export const prepareImages = (
  context: JobContext,
  scorer: Scorer,
  parameters: Record<string, unknown>,
  samples: readonly Sample[],
  report: Report,
): Promise<Rows> => inputs[scorer.inputs].prepare(context, samples, scorer.sizePx(parameters) ?? 0, report);

/** The same for images with a planted defect each, which the seed determines. Throws WinnowError. */
export const preparePlanted = (
  context: JobContext,
  scorer: Scorer,
  parameters: Record<string, unknown>,
  samples: readonly Sample[],
  seed: number,
  report: Report,
): Promise<Rows> => {
  const { recipe, frame } = inputs[scorer.inputs];
  const sizePx = scorer.sizePx(parameters) ?? 0;
  const clean = recipe(context, sizePx);
  const planted: RowRecipe = {
    ...clean,
    settings: `${clean.settings}-planted-${seed}`,
    isKept: false,
    async decode(sample) {
      const decoded = await clean.decode(sample);
      const { width, height, at } = frame(decoded, sizePx);
      const out = Uint8Array.from(decoded);
      out.set(plantDefect(decoded.subarray(at), width, height, random('planted', seed, sample.sha256)), at);
      return out;
    },
  };
  return makeFeatures(context, planted, 'Planting defects', samples, report);
};

/** One image, outside of a job. Throws WinnowError. */
export const prepareImage = (
  context: JobContext,
  scorer: Scorer,
  parameters: Record<string, unknown>,
  sample: Sample,
): Promise<Rows> => context.rows.make(inputs[scorer.inputs].recipe(context, scorer.sizePx(parameters) ?? 0), [sample]);

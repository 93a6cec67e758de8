/** Prepares the inputs of scorers as rows of the row store, one entry per kind of input. */
import type { Scorer } from '../compute/anomaly/index.ts';
import type { Sample, ScorerInputs } from '../contract/types.ts';
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
}

const inputs: Record<ScorerInputs, Inputs> = {
  pixels: {
    recipe: ({ folder }, sizePx) => pixelRecipe(folder, { sizePx }),
    prepare: (context, samples, sizePx, report) => packPixels(context, samples, { sizePx }, report),
  },
  embeddings: {
    recipe: (context) => embeddingRecipe(context),
    prepare: (context, samples, _sizePx, report) => embedSamples(context, samples, report),
  },
  patches: {
    recipe: (context) => patchRecipe(context),
    prepare: (context, samples, _sizePx, report) =>
      makeFeatures(context, patchRecipe(context), 'Features of patches', samples, report),
  },
};

/** Throws WinnowError. */
export const prepareImages = (
  context: JobContext,
  scorer: Scorer,
  parameters: Record<string, unknown>,
  samples: readonly Sample[],
  report: Report,
): Promise<Rows> => inputs[scorer.inputs].prepare(context, samples, scorer.sizePx(parameters) ?? 0, report);

/** One image, outside of a job. Throws WinnowError. */
export const prepareImage = (
  context: JobContext,
  scorer: Scorer,
  parameters: Record<string, unknown>,
  sample: Sample,
): Promise<Rows> => context.rows.make(inputs[scorer.inputs].recipe(context, scorer.sizePx(parameters) ?? 0), [sample]);

/** Prepares the inputs of scorers as rows of the row store, one entry per kind of input. */
import type { Scorer } from '../compute/anomaly/index.ts';
import { patchSize } from '../compute/anomaly/scorer.ts';
import { sideStep } from '../compute/embed/patches.ts';
import { usual } from '../compute/models/pretrained.ts';
import { random } from '../compute/random.ts';
import type { Sample, ScorerInputs } from '../contract/types.ts';
import { plantDefect } from '../image/plant.ts';
import { selectRows } from '../rows/row-set.ts';
import type { JobContext } from './context.ts';
import type { RowRecipe, Rows } from '../rows/row-store.ts';
import { embeddingRecipe, embedSamples, makeFeatures } from './embeddings.ts';
import type { Report } from '../workspace/report.ts';
import { patchRecipe } from './patches.ts';
import { packPixels, pixelRecipe } from './pixels.ts';

/** How the rows of one kind are made. */
interface Inputs {
  recipe(context: JobContext, sizePx: number): RowRecipe;
  /** As a stage of a job. Files that can no longer be read become issues. */
  prepare(context: JobContext, samples: readonly Sample[], sizePx: number, report: Report): Promise<Rows>;
  /** The size of a decoded image, and where its pixels start. */
  frame(decoded: Uint8Array, sizePx: number): { width: number; height: number; at: number };
}

const pixels: Inputs = {
  recipe: ({ folder }, sizePx) => pixelRecipe(folder, { sizePx }),
  prepare: (context, samples, sizePx, report) => packPixels(context, samples, { sizePx }, report),
  frame: (_decoded, sizePx) => ({ width: sizePx, height: sizePx, at: 0 }),
};
const embeddings: Inputs = {
  recipe: (context) => embeddingRecipe(context),
  prepare: (context, samples, _sizePx, report) => embedSamples(context, samples, report),
  frame: () => ({ width: usual.sizePx, height: usual.sizePx, at: 0 }),
};
const patches: Inputs = {
  recipe: (context, sizePx) => patchRecipe(context, sizePx),
  prepare: (context, samples, sizePx, report) =>
    makeFeatures(context, patchRecipe(context, sizePx), 'Features of patches', samples, report),
  frame: ([height, width]) => ({ width: width * sideStep, height: height * sideStep, at: 2 }),
};

/** The rows that a scorer reads, one kind beside the other. */
const inputs: Record<ScorerInputs, readonly [Inputs, Inputs?]> = {
  pixels: [pixels],
  embeddings: [embeddings],
  patches: [patches],
  features: [patches, embeddings],
};

/** The parameters, with a size that depends on the number of images in place of 0. */
export function withSize(scorer: Scorer, parameters: Record<string, unknown>, images: number): Record<string, unknown> {
  return parameters.sizePx === 0 && inputs[scorer.inputs].includes(patches)
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
): Promise<Rows> =>
  besideEachOther(scorer, (kind) => kind.prepare(context, samples, scorer.sizePx(parameters) ?? 0, report));

/** The same for images with a planted defect each, which the seed determines. Throws WinnowError. */
export function preparePlanted(
  context: JobContext,
  scorer: Scorer,
  parameters: Record<string, unknown>,
  samples: readonly Sample[],
  seed: number,
  report: Report,
): Promise<Rows> {
  const sizePx = scorer.sizePx(parameters) ?? 0;
  return besideEachOther(scorer, ({ recipe, frame }) => {
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
  });
}

/** One image, outside of a job. Throws WinnowError. */
export const prepareImage = (
  context: JobContext,
  scorer: Scorer,
  parameters: Record<string, unknown>,
  sample: Sample,
): Promise<Rows> =>
  besideEachOther(scorer, ({ recipe }) => context.rows.make(recipe(context, scorer.sizePx(parameters) ?? 0), [sample]));

/** The rows of all kinds that the scorer reads, of the samples that have them all. */
async function besideEachOther(scorer: Scorer, make: (kind: Inputs) => Promise<Rows>): Promise<Rows> {
  const [firstKind, secondKind] = inputs[scorer.inputs];
  if (!secondKind) return make(firstKind);
  const first = await make(firstKind);
  try {
    const second = await make(secondKind);
    const at = new Map(second.samples.map(({ id }, i) => [id, i]));
    const samples = first.samples.filter(({ id }) => at.has(id));
    const kept = Int32Array.from(first.samples.keys()).filter((i) => at.has(first.samples[i].id));
    const beside = selectRows(
      second.set,
      Int32Array.from(samples, ({ id }) => at.get(id) as number),
    );
    return {
      set: { ...selectRows(first.set, kept), beside },
      samples,
      issues: [...first.issues, ...second.issues],
      [Symbol.dispose]() {
        first[Symbol.dispose]();
        second[Symbol.dispose]();
      },
    };
  } catch (error) {
    first[Symbol.dispose]();
    throw error;
  }
}

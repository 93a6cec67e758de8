/** Loads the model of a finished run, for scores of other images, maps, reconstructions and codes. */
import { withModel } from '../model-store.ts';
import type { RowSet } from '../../rows/row-set.ts';
import { modelFile } from '../run-files.ts';
import { readTensors } from '../tensor-file.ts';
import { readReference, type Reference } from './complexity.ts';
import type { ModelHeader } from './fit.ts';
import { openImages, type OpenImages } from './images.ts';
import { scorerOf, type Scorer } from './index.ts';
import type { Model } from './scorer.ts';

interface Saved {
  bytes: number;
  scorer: Scorer;
  params: Record<string, unknown>;
  /** Of the correction for complexity; null if the run has none. */
  reference: Reference | null;
  model: Model;
  /** The positions of the training images in the set of the fit, by the SHA-256 of their files. */
  trained: ReadonlyMap<string, number>;
  dispose(): void;
}

/** What `work` gets beside the model and the images. `fitted`: for each image its position in the set that the model was fitted with, −1 for none. */
type Known = Pick<Saved, 'scorer' | 'params' | 'reference' | 'trained'> & { fitted: Int32Array };

/**
 * Calls `work` with the run's model and the opened images. The model is cached and shared with other calls. Throws if the run has no model, and BadParameters
 * if the model takes images of another kind or size.
 */
export async function withScorer<Result>(
  runFolder: string,
  set: RowSet,
  work: (model: Model, images: OpenImages, saved: Known) => Promise<Result>,
): Promise<Result> {
  return withSaved(runFolder, async (saved) => {
    const images = openImages(saved.scorer, saved.params, set);
    const fitted = Int32Array.from(set.rows, (_, i) => saved.trained.get(set.sha256?.[i] ?? '') ?? -1);
    try {
      return await work(saved.model, images, { ...saved, fitted });
    } finally {
      images.close();
    }
  });
}

/** Calls `work` with the run's model, as `withScorer` does. */
export function withSaved<Result>(runFolder: string, work: (saved: Saved) => Promise<Result>): Promise<Result> {
  const file = modelFile(runFolder);
  return withModel(file, () => open(file), work);
}

function open(file: string): Saved {
  const saved = readTensors<ModelHeader>(file);
  const scorer = saved && scorerOf(saved.header.method);
  if (!saved || !scorer) throw new Error('This run has no model: its file is missing or damaged. Train it again.');
  const { params, restore } = scorer.ready(saved.header.params);
  const model = restore(saved.arrays);
  return {
    bytes: 4 * model.parameters,
    scorer,
    params,
    reference: readReference(saved.arrays),
    model,
    trained: new Map(Object.entries(saved.header.trained ?? {})),
    dispose: () => model.dispose(),
  };
}

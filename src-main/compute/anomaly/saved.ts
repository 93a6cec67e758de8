/** A finished run's scorer as its training left it, for maps and codes. */
import { withModel } from '../model-store.ts';
import { modelFile } from '../run-files.ts';
import { readTensors } from '../tensor-file.ts';
import type { ErrorMeasure } from './error-map.ts';
import type { ModelHeader } from './fit.ts';
import { scorerOf } from './index.ts';
import type { Model } from './scorer.ts';

interface Saved {
  model: Model;
  sizePx: number;
  measure: ErrorMeasure;
  dispose(): void;
}

/** Does something with it, shared with other calls. Throws where the run has none, or it takes images of another size. */
export async function withScorer<Result>(
  runFolder: string,
  sizePx: number,
  work: (saved: Saved) => Promise<Result>,
): Promise<Result> {
  const file = modelFile(runFolder);
  return withModel(
    file,
    () => open(file),
    async (saved) => {
      if (saved.sizePx !== sizePx)
        throw new Error(`The run's model takes images of ${saved.sizePx} px, and these have ${sizePx}.`);
      return work(saved);
    },
  );
}

function open(file: string): Saved {
  const saved = readTensors<ModelHeader>(file);
  const ready = saved && scorerOf(saved.header.method)?.ready(saved.header.params);
  if (!saved || !ready) throw new Error('This run has no model: its file is missing or damaged. Train it again.');
  const { sizePx } = saved.header;
  const model = ready.restore(sizePx, saved.arrays);
  return { model, sizePx, measure: ready.measure, dispose: () => model.dispose() };
}

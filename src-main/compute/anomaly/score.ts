/** A ranking by a scorer of embeddings: they are read, scored, and nothing is kept of it. */
import type { Backend } from '../../contract/types.ts';
import { backendInfo } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall, type CallContext } from '../call.ts';
import { readEmbeddings, type EmbeddingSet } from '../embed/rows.ts';
import { pace } from '../pace.ts';
import { embeddingScorerOf } from './index.ts';
import { scoreByNearest } from './nearest.ts';

export interface ScoreArgs {
  method: string;
  params: Record<string, unknown>;
  embeddings: EmbeddingSet;
  train: Int32Array;
}

export interface ScoreResult {
  /** Per position; raw, higher is more anomalous. */
  scores: Float64Array;
  seconds: number;
  peakMemoryMiB: number;
  backend: Backend;
}

export const score = defineCall({
  async run(
    { method, params, embeddings, train }: ScoreArgs,
    { signal, onEvent }: CallContext<{ done: number; total: number }>,
  ): Promise<ScoreResult> {
    const began = performance.now();
    if (!embeddingScorerOf(method)) throw new BadParameters(`There is no scorer '${method}' of embeddings.`);
    if (train.length < 2) throw new BadParameters('There are fewer than two images to compare with.');
    const {
      rows: { length: total },
    } = embeddings;
    const scores = await scoreByNearest(
      readEmbeddings(embeddings),
      embeddings.size,
      train,
      params,
      pace(signal),
      (done) => onEvent({ done, total }),
    );
    return {
      scores,
      seconds: (performance.now() - began) / 1000,
      peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
      backend: backendInfo(),
    };
  },
});

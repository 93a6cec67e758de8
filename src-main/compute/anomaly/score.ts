/** A ranking by a scorer of embeddings: they are read, scored, and nothing is kept of it. */
import { backendInfo } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { readFloats } from '../../rows/row-reader.ts';
import { widthOf } from '../../rows/row-set.ts';
import { pace } from '../pace.ts';
import type { ScoreArgs, ScoreResult } from '../protocol.ts';
import { embeddingScorerOf } from './index.ts';
import { scoreByNearest } from './nearest.ts';

export async function score(
  { method, params, embeddings, train }: ScoreArgs,
  signal: AbortSignal,
  onEvent: (event: { done: number; total: number }) => void,
): Promise<ScoreResult> {
  const began = performance.now();
  if (!embeddingScorerOf(method)) throw new BadParameters(`There is no scorer '${method}' of embeddings.`);
  if (train.length < 2) throw new BadParameters('There are fewer than two images to compare with.');
  const {
    rows: { length: total },
  } = embeddings;
  const scores = await scoreByNearest(
    readFloats(embeddings),
    widthOf(embeddings),
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
}

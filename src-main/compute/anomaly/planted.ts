/** How a fitted scorer scores planted defects: a test where no real anomaly is known. */
import type { ScorerInputs } from '../../contract/types.ts';
import type { FitContext, Scoring } from './scorer.ts';

/** The scores of the images with a planted defect whose original is held out of the fit. */
export async function plantedScores<I extends ScorerInputs>(
  model: Scoring<I>,
  { images, of }: NonNullable<FitContext<I>['planted']>,
  heldOut: Int32Array,
): Promise<number[]> {
  const unseen = new Set(heldOut);
  const found: number[] = [];
  await images.forEachBlock(async (block, positions) => {
    const originals = positions.map((position) => of[position]);
    const { scores } = await model.score(block, originals);
    originals.forEach((original, i) => unseen.has(original) && found.push(scores[i]));
  });
  return found;
}

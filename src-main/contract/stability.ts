/** How stable a ranking is, in words: the same for the window and the command line. */
import type { Run } from './types.ts';

/** A ranking compared with those of other fits, each to a random half of the training images. Means over the fits. */
export interface RankStability {
  fits: number;
  /** Spearman's rank correlation over all images. */
  correlation: number;
  /** So many images are compared at the top of the ranking. */
  top: number;
  /** So many of them are also at the top of the other ranking. */
  shared: number;
}

/** With fewer training images, halves say nothing. */
export const fewestForStability = 8;

/** From high to low; `from`: the lowest correlation of the level. */
const levels = [
  { from: 0.9, label: 'Stable ranks', meaning: 'More training images would change little.' },
  {
    from: 0.7,
    label: 'Ranks vary',
    meaning: 'The order depends on the training images: more normal images make it more certain.',
  },
  {
    from: -1,
    label: 'Unstable ranks',
    meaning: 'The order depends mostly on the training images: add normal images, or try another method.',
  },
];

/** What the report of a run keeps of it. */
export const stabilityFields = ({ fits, correlation, top, shared }: RankStability): Run['report'] => ({
  stabilityFits: fits,
  stability: correlation,
  stabilityTop: top,
  stabilityShared: shared,
});

/** What is known of the stability of a ranking. */
export interface StabilityText {
  /** Two or three words for a badge. */
  label: string;
  /** Two sentences: how it was measured, and what it means. */
  explanation: string;
}

/** null if it was not measured, as with a detector of another folder. */
export function stabilityOf({ report, origin }: Pick<Run, 'report' | 'origin'>): StabilityText | null {
  const { stability, stabilityTop: top, stabilityShared: shared } = report;
  if (origin || typeof stability !== 'number' || typeof top !== 'number' || typeof shared !== 'number') return null;
  const kept = `${Number(shared.toFixed(1))} of the top ${top} ${top === 1 ? 'image' : 'images'}`;
  const measured = `Fitted again to random halves of the training images, the method keeps ${kept} at the top; the rank correlation over all images is ${stability.toFixed(2)}.`;
  const level = levels.find(({ from }) => stability >= from) ?? levels[levels.length - 1];
  return { label: `${level.label} (${stability.toFixed(2)})`, explanation: `${measured} ${level.meaning}` };
}

/** Why the stability of a ranking was not measured. `how`: how to ask for it. */
export const unmeasuredText = ({ trained, parameters }: Pick<Run, 'trained' | 'parameters'>, how: string): string =>
  // Who asked for it had too few images; copies of a file count once.
  trained < fewestForStability || parameters.stability
    ? `Stability of the ranks: not measured. At least ${fewestForStability} different training images are needed.`
    : `Stability of the ranks: not measured. ${how}`;

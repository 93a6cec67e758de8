/** A comparison of two runs on the same images. Plain JSON data. */
import type { Setting } from './run-settings.ts';

export interface RunComparison {
  a: string;
  b: string;
  /** Settings that differ: parameters by their name, and method, mode, seed, split, training images. null: the run does not have it. */
  parameters: { name: string; a: Setting; b: Setting }[];
  /** Images that both runs are judged by. */
  images: number;
  /** The first one decides the verdict. Empty if it cannot be judged. */
  figures: ComparedFigure[];
  /** Image counts [given][predicted], in the order of `classes`; null for rankings, and without images. */
  confusion: { classes: string[]; a: number[][]; b: number[][] } | null;
  /** Ids of images that only b, or only a, predicts correctly; null for rankings. */
  changed: { gained: number[]; lost: number[] } | null;
  /** Spearman's rank correlation of the scores of all images that both rankings scored; null for classifiers. */
  agreement: { rankCorrelation: number; images: number } | null;
  /** The run that is better by more than chance; null if neither is. */
  better: 'a' | 'b' | null;
  /** Whether the difference is more than chance, in words; or why it cannot be judged. */
  verdict: string;
  cannotJudge: boolean;
  /** Messages that must be read with the figures. */
  notes: string[];
}

/** A figure of both runs, and the difference b − a with its 95 % interval, paired on the same images. */
export interface ComparedFigure {
  name: 'accuracy' | 'balancedAccuracy' | 'macroF1' | 'loss' | 'auroc';
  title: string;
  isHigherBetter: boolean;
  images: number;
  a: number;
  b: number;
  difference: number;
  /** Null if the images tell nothing about the spread. */
  low: number | null;
  high: number | null;
  /** Two-sided: exact McNemar test of the accuracy, DeLong's test of the AUROC; null for figures that only have an interval. */
  p: number | null;
}

/** The result of evaluating a ranking against a known truth. Scores: higher is more anomalous. Anomalous is the positive class. */

/** Where the truth of an image comes from, in the order of precedence. `file`: a table that the person names; it is then the only source. */
export const truthSources = ['file', 'tags', 'masks', 'folders'] as const;
export type TruthSource = (typeof truthSources)[number];

export interface Truth {
  /** The sources that named an image, joined by `+`, for example `tags+folders`; null if there is none. */
  source: string | null;
  /** Numbers of images that are evaluated. */
  normal: number;
  anomalous: number;
  /** Ranked images of which nothing is known; they are left out. */
  unknown: number;
  /** Images that the run was trained on and that are left out. */
  trained: number;
}

export interface Confusion {
  truePositive: number;
  falsePositive: number;
  falseNegative: number;
  trueNegative: number;
}

export interface ImageFigures {
  auroc: number;
  /** 95 % interval; null if a class has fewer than two images. */
  low: number | null;
  high: number | null;
  /** Average precision. */
  ap: number;
  /** At the threshold. */
  f1: number;
  threshold: number;
  /** The rule that placed it. */
  rule: string;
  confusion: Confusion;
  /** The threshold with the best F1. It is chosen on these images, so its F1 is too optimistic for new ones. */
  best: { threshold: number; f1: number };
}

export interface PixelFigures {
  auroc: number;
  /** Area under the per-region overlap up to a false positive rate of 0.3, divided by 0.3. */
  aupro: number;
  images: number;
  /** Connected regions of all masks. */
  regions: number;
}

export interface TypeFigures {
  type: string;
  images: number;
  /** Of this type's images against all normal ones. */
  auroc: number;
  ap: number;
}

export interface Mistake {
  id: number;
  path: string;
  score: number;
  type: string | null;
}

export interface Evaluation {
  run: string;
  truth: Truth;
  /** Null if it cannot be judged; then the first note says why, the second what to do. */
  image: ImageFigures | null;
  /** Null without masks, or if the maps have not been compared with them yet. */
  pixel: PixelFigures | null;
  /** Whether there are masks with which the run's maps can be compared. */
  hasMasks: boolean;
  /** By the folder of the defect, or its name in the file; the worst first. */
  byType: TypeFigures[];
  worst: {
    /** Anomalous images below the threshold, the lowest score first. */
    misses: Mistake[];
    /** Normal images at or above the threshold, the highest score first. */
    falseAlarms: Mistake[];
  };
  notes: string[];
}

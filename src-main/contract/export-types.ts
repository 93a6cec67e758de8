/** Types of exports, shared by the engine and its clients. */
import type { Issue } from './types.ts';

/** How an export places image files. `list`: no files. `move`: copies and verifies them, then moves the originals to the system’s trash. */
export const placements = ['copy', 'hardlink', 'symlink', 'list', 'move'] as const;

/** Description of an export format for forms and options. */
export interface ExportFormat {
  id: string;
  title: string;
  summary: string;
}

export interface ExportPlan {
  folder: string;
  to: string;
  format: string;
  copied: number;
  bytes: number;
  kept: number;
  undecided: number;
  unsure: number;
  rejected: number;
  /** Left out by the `drop` expression. */
  dropped: number;
  unreadable: number;
  freeBytes: number;
  /** Images in each split; empty without splits. */
  splits: Record<string, number>;
  /** Files that are renamed to avoid collisions on case-insensitive disks. */
  renamed: number;
  /** What the person should know: empty splits, labels that the format does not use. */
  warnings: string[];
}

export interface ExportResult extends ExportPlan {
  seconds: number;
  /** Files that changed or vanished between scan and export and were not exported; after a move, also originals that could not be moved to the trash. */
  failed: Issue[];
  /** Number of originals moved to the system's trash. */
  trashed: number;
}

/** The maps that `writeExplanations` has written. */
export interface ExplainedFiles {
  to: string;
  samples: readonly {
    path: string;
    target: string;
    /** Relative to `to`: a NumPy file, float32 [height, width]. The picture beside it has the extension `.png`. Null without a map: `note` says why. */
    file: string | null;
    width: number;
    height: number;
    min: number;
    max: number;
    note: string | null;
  }[];
  method: string;
  /** Null if the method reads no layer. */
  layer: string | null;
  run: string;
}

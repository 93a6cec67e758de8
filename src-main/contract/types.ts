/** Types shared by the engine and its clients (window, browser, command line): plain JSON data. The renderer imports these and never the engine's own. */
import type { Classification, RangeTest, TrainMode } from './classifier.ts';
import type { ClassChoice } from './folder-classes.ts';
import type { LeftOutFolders } from './left-out.ts';
import type { Plane } from './plane.ts';
import type { SearchState, Trial } from './search.ts';
import type { RuleChoice, Threshold } from './threshold.ts';
import type { Watch } from './watch.ts';
import type { TrainOn, TrainOnBy, TrainTags } from './train-on.ts';

export type Decision = 'keep' | 'reject' | 'unsure';
export const decisions: readonly Decision[] = ['keep', 'reject', 'unsure'];

/** What the user has recorded about a sample. */
export interface Marks {
  decision: Decision | null;
  /** Free text, or the expression that selected the sample. */
  reason: string | null;
  tags: readonly string[];
  /** Class given by the user; null: the class comes from the folders. */
  label: string | null;
  note: string | null;
}

/** One readable image file of the folder. Computed numbers are columns, not properties. */
export interface Sample extends Marks {
  id: number;
  /** Relative to the folder, with `/`. */
  path: string;
  /** The label, or else the class by folders; null for none. */
  class: string | null;
  /** The class by folders (`folder-classes.ts`); null for none. */
  folderClass: string | null;
  /** The split that a folder names: train, val or test. */
  split: string | null;
  frames: number;
  bytes: number;
  modifiedMs: number;
  /** After orientation. */
  width: number;
  height: number;
  format: string;
  sha256: string;
  /** What the picture is, if it is not all of the file: 'preview of a raw file', 'band 1 of 8'. */
  notice: string | null;
  /** The values of an image of measurements, which are stretched to gray levels by one rule for the whole folder. */
  values: ValueRange | null;
  /** Another number whenever the levels or the plane of the folder may have given it other pixels; null if these depend on its file alone. */
  rendering: number | null;
}

/** The smallest and largest finite value of an image of measurements. `kind`: the type of its values, such as 'uint16' or 'float'. */
export interface ValueRange {
  kind: string;
  low: number;
  high: number;
}

/** A file that could not be read, and why. */
export interface Issue {
  path: string;
  code: IssueCode;
  message: string;
}

export type IssueCode =
  | 'empty'
  | 'not-an-image'
  | 'truncated'
  | 'corrupt'
  | 'too-large'
  | 'too-slow'
  | 'unsupported-format'
  | 'vanished'
  | 'no-permission'
  | 'unreadable';

/** A named number for each sample. */
export interface Column {
  name: string;
  title: string;
  /** Run that wrote it; null for measurements of the scan. */
  runId: string | null;
  /** Names of the categories, if the numbers are category codes: `resnet-1.predicted`. */
  categories: readonly string[] | null;
  count: number;
  revision: number;
}

/** What changed in the table since a revision; ask again while `more` is true. */
export interface Changes {
  revision: number;
  more: boolean;
  samples: Sample[];
  /** Ids of samples whose files are gone. */
  removed: number[];
}

export interface Journal {
  /** Titles of the steps that `undo` and `redo` would affect; null if there is none. */
  undo: string | null;
  redo: string | null;
}

/** Result of an edit, undo or redo. */
export interface Edited {
  changed: number;
  title: string;
  journal: Journal;
}

/** One entry of the journal. Lists are sorted newest first. */
export interface Entry {
  seq: number;
  atMs: number;
  title: string;
  /** Undone and not redone. */
  undone: boolean;
  /** The equivalent command, without the program's name. */
  command: string;
  changed: number;
}

/** An image quality check; its scores are the column of the same name. */
export interface CheckState {
  id: string;
  title: string;
  summary: string;
  /** Scores at or above it are flagged. */
  threshold: number;
  defaultThreshold: number;
  flagged: number;
}

/** An observation about the whole data set. */
export interface Finding {
  id: 'alike-classes' | 'class-imbalance' | 'spurious-correlation';
  title: string;
  message: string;
  /** 0..1 */
  score: number;
  flagged: boolean;
  class: string | null;
  column: string | null;
}

export type DuplicateKind = 'exact' | 'near' | 'rotated' | 'mirrored';
export const duplicateKinds: readonly DuplicateKind[] = ['exact', 'near', 'rotated', 'mirrored'];

/** Rules that choose the image to keep in a group of duplicates. */
export const keepRules = ['largest', 'sharpest', 'newest'] as const;

/** A group of duplicate images. */
export interface Group {
  id: number;
  kind: DuplicateKind;
  ids: readonly number[];
  /** Lowest similarity within the group, 0..1. */
  score: number;
  /** Members are in several classes (label conflict) or several splits (data leak). */
  crossesClasses: boolean;
  crossesSplits: boolean;
  /** In what the images differ, though they look alike. */
  differences: readonly Difference[];
}

/**
 * In what images differ that look alike: 'frames' (animations, pages), 'transparency', 'depth' (bits per sample), 'hidden' (a part of a file is not shown, such as bands, raw samples, or values outside of a window), 'detail' (something in a small area, such as a
 * number in a screenshot).
 */
export type Difference = (typeof differenceKinds)[number];
export const differenceKinds = ['frames', 'transparency', 'depth', 'hidden', 'detail'] as const;

/** A named filter and sort order. */
export interface SavedView {
  name: string;
  where: string | null;
  order: { by: string; descending: boolean };
}

export interface Workspace {
  id: string;
  /** Permanent id of the workspace, also when it is moved; a new workspace has a new key. */
  key: string;
  folder: string;
  name: string;
  samples: number;
  issues: number;
  scannedAt: number | null;
  revision: number;
  /** What was last given to train scorers on; null if nothing was. */
  trainOn: Pick<TrainOn, 'glob'> | null;
  /** How folders became classes; null before the first scan. */
  classes: ClassChoice | null;
  /** The folders that the last scan left out. */
  leftOut: LeftOutFolders;
  plane: Plane;
  /** Increases with every change except decisions, reasons, tags and notes: clients then reload columns, checks, groups, findings, views and issues. */
  shape: number;
  journal: Journal;
}

/** `queued`: it waits until earlier jobs have ended. */
export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
export const jobEnded = (state: JobState): boolean => state !== 'queued' && state !== 'running';
export type JobKind =
  | 'scan'
  | 'rank'
  | 'score'
  | 'watch'
  | 'export'
  | 'map'
  | 'train'
  | 'predict'
  | 'range-test'
  | 'labels'
  | 'alike'
  | 'export-model'
  | 'survey'
  | 'evidence'
  | 'explain'
  | 'map-files'
  | 'evaluate'
  | 'search'
  | 'keep-trial';

/** A queued, running or ended job, with its progress. `perSecond` and `secondsLeft` are null until they can be estimated. */
export interface Job {
  id: number;
  kind: JobKind;
  title: string;
  stage: string;
  state: JobState;
  /** Position in the queue, from 1; null if not queued. */
  place: number | null;
  done: number;
  total: number;
  /** Unit of `done` and `total`: images, steps. */
  unit: string;
  perSecond: number | null;
  secondsLeft: number | null;
  /** Start time; for a queued job, the time of the request. */
  startedAt: number;
  endedAt: number | null;
  /** Run that the job creates, if any. */
  runId: string | null;
  error: { code: string; message: string } | null;
  /** Message for the user when done. */
  summary: string | null;
}

export interface Epoch {
  epoch: number;
  loss: number;
  valLoss: number | null;
  seconds: number;
  /** Only for classifiers: accuracy, and the learning rate at the end of the epoch. */
  accuracy?: number;
  valAccuracy?: number | null;
  learningRate?: number;
}

/** `interrupted`: its process ended during the run; it can be resumed from the last checkpoint. */
export type RunState = 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';

/** A ranking by a scorer, a training of a classifier, a learning rate range test, a search for label errors, or a search for hyperparameters. */
export type RunKind = 'rank' | 'train' | 'range-test' | 'labels' | 'search';

/** A run in a list. Settings, curves and results are in the `Run`, which is fetched when the run is viewed. */
export interface RunSummary extends Pick<
  Run,
  'id' | 'kind' | 'method' | 'state' | 'seed' | 'trainOn' | 'trained' | 'column' | 'createdAt' | 'seconds' | 'epochs'
> {
  /** The run that it belongs to; null if none. */
  parent: string | null;
  /** The result by which runs of this kind are compared. */
  headline: { name: 'accuracy' | 'rate' | 'best'; value: number } | null;
  /** Given by a person; null if none. */
  title: string | null;
  note: string | null;
  pinned: boolean;
  /** The last finished epoch. */
  epoch: number | null;
  /** How the images were split; null if it is not a classifier. */
  dividedBy: Classification['by'] | null;
  /** Size of its folder; null while it runs. */
  bytes: number | null;
  archived: boolean;
  /** How the threshold of a ranking is placed, if a person has chosen it; null: by the default rule. */
  rule: RuleChoice | null;
  /** Increases with every change of the run. */
  version: number;
}

/** One run with its settings and curves. */
export interface Run {
  id: string;
  kind: RunKind;
  /** The run that it belongs to, if any. */
  parent?: string;
  /** The scorer, or the architecture. */
  method: string;
  state: RunState;
  seed: number;
  trainOn: string | null;
  /** The ranking of another folder whose detector it uses; null if it was trained here. */
  origin: { folder: string; runId: string } | null;
  trainOnBy: TrainOnBy;
  trainTags: TrainTags;
  trained: number;
  parameters: Record<string, unknown>;
  /** Column to sort the images by: the error of a scorer, the loss of a classifier. */
  column: string;
  createdAt: number;
  seconds: number | null;
  imagesPerSecond: number | null;
  peakMemoryMiB: number | null;
  backend: string | null;
  device: string | null;
  history: Epoch[];
  epochs: number | null;
  /** Ascending scores of training images that the model was not fitted to: held out, or left out in turn. Empty if there are none. */
  normals: readonly number[];
  report: Record<string, number | string | boolean | null>;
  /** Messages that the user should read, for example that memory ran out. */
  notes: readonly string[];
  classification: Classification | null;
  rangeTest: RangeTest | null;
  search: SearchState | null;
}

/** A finished ranking whose detector can score other images: what it was trained on, when, and its threshold in its own folder. */
export interface SavedDetector extends Pick<
  Run,
  'id' | 'method' | 'createdAt' | 'trained' | 'trainOn' | 'trainOnBy' | 'origin'
> {
  threshold: Threshold;
}

/** Result of freeing the disk space of deleted runs. */
export interface Purged {
  runs: readonly string[];
  bytes: number;
}

/** Description of a method for forms and options. `schema` is JSON Schema. */
export interface Method {
  id: string;
  title: string;
  summary: string;
  schema: Record<string, unknown>;
}

/** Input of a scorer: the pixels of a square image, a pretrained embedding, the pretrained features of the patches of an image, or the last two together. */
export type ScorerInputs = 'pixels' | 'embeddings' | 'patches' | 'features';

/** Outputs of a scorer for each image. Views show only those that exist. */
export interface ScorerOutputs {
  /** `title`: the axis label of the scores. */
  score: { title: string };
  /** Anomaly map. `title`: the title of its pane. */
  map?: { title: string };
  reconstruction?: true;
  /** Latent code of an image; a map of the folder can be computed from it. */
  code?: true;
  /** The normal patch that is nearest to a place of an image. */
  nearestPatch?: true;
}

/** A scorer. `short` is the label of its button. */
export interface ScorerMethod extends Method {
  short: string;
  inputs: ScorerInputs;
  gives: ScorerOutputs;
}

/** An architecture: `schema` has the parameters of training from scratch, `modes` those of each training mode. */
export interface Model extends Method {
  modes: Partial<Record<TrainMode, Record<string, unknown>>>;
}

/** Result of an import, or of its dry run. */
export interface ImportResult {
  rows: number;
  matched: number;
  changed: number;
  /** Paths of rows without a matching image; at most a hundred. */
  unmatched: readonly string[];
  /** What to know about the file, such as columns that are not used. */
  notes: readonly string[];
}

/** Events of a workspace's event stream. */
export type WorkspaceEvent =
  | { type: 'job'; job: Job }
  | { type: 'run'; run: RunSummary }
  | { type: 'trial'; search: string; trial: Trial }
  | { type: 'watch'; watch: Watch | null }
  | { type: 'changed'; revision: number; journal: Journal };

/**
 * The words of the contract: what the engine tells its doors (window, browser, command line). Plain data only; everything here
 * survives JSON. The renderer imports these types and never the engine's.
 */
import type { Classification, RangeTest, TrainMode } from './classifier.ts';

export type Decision = 'keep' | 'reject' | 'unsure';
export const decisions: readonly Decision[] = ['keep', 'reject', 'unsure'];

/** What a person has said of a sample. */
export interface Marks {
  decision: Decision | null;
  /** Why: in words, or the expression by which it was chosen. */
  reason: string | null;
  tags: readonly string[];
  /** The class that a person gave; null: as the sub-folder says. */
  label: string | null;
  note: string | null;
}

/** One readable image file of the folder. Numbers learned about it are columns, not properties. */
export interface Sample extends Marks {
  id: number;
  /** Relative to the folder, with `/`. */
  path: string;
  /** The label, or else the name of the sub-folder that holds the file; null at the top. */
  class: string | null;
  frames: number;
  bytes: number;
  modifiedMs: number;
  /** After orientation. */
  width: number;
  height: number;
  format: string;
  sha256: string;
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
  /** Which run wrote it; null for what the scan measured. */
  runId: string | null;
  /** What its numbers stand for, where they are names: `resnet-1.predicted`. */
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
  /** What `undo` would take back, and `redo` do again; null where there is nothing. */
  undo: string | null;
  redo: string | null;
}

/** What an edit, an undo or a redo has done. */
export interface Edited {
  changed: number;
  title: string;
  journal: Journal;
}

/** One entry of the journal, newest first where several are told. */
export interface Entry {
  seq: number;
  atMs: number;
  title: string;
  /** Taken back and not done again. */
  undone: boolean;
  /** What on the command line does the same, without the program's name. */
  command: string;
  changed: number;
}

/** A check of the images' quality; its scores are the column of the same name. */
export interface CheckState {
  id: string;
  title: string;
  summary: string;
  /** A score from here on is flagged. */
  threshold: number;
  defaultThreshold: number;
  flagged: number;
}

/** Something about the set as a whole. */
export interface Finding {
  id: 'class-imbalance' | 'spurious-correlation';
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

/** Which of a group of duplicates is kept. */
export const keepRules = ['largest', 'sharpest', 'newest'] as const;

/** Images that are one image. */
export interface Group {
  id: number;
  kind: DuplicateKind;
  ids: readonly number[];
  /** Least likeness within the group, 0..1. */
  score: number;
  /** Members lie in several classes, or in several splits: a conflict of labels, a leak. */
  crossesClasses: boolean;
  crossesSplits: boolean;
}

/** A filter and an order under a name. */
export interface SavedView {
  name: string;
  where: string | null;
  order: { by: string; descending: boolean };
}

export interface Workspace {
  id: string;
  /** The same for as long as the workspace lives, wherever its folder is moved; another for one that is made anew. */
  key: string;
  folder: string;
  name: string;
  samples: number;
  issues: number;
  scannedAt: number | null;
  revision: number;
  /** Changes with anything but decisions, reasons, tags and notes: columns, checks, groups, findings, views and issues are then asked for anew. */
  shape: number;
  journal: Journal;
}

/** `queued`: it waits until the jobs before it have ended. */
export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
export const jobEnded = (state: JobState): boolean => state !== 'queued' && state !== 'running';
export type JobKind =
  'scan' | 'rank' | 'export' | 'map' | 'train' | 'predict' | 'range-test' | 'labels' | 'alike' | 'take-away';

/** Something running or waiting to run, with how far it is. `perSecond` and `secondsLeft` are null until they can be told. */
export interface Job {
  id: number;
  kind: JobKind;
  title: string;
  stage: string;
  state: JobState;
  /** In the queue, from 1; null for what does not wait. */
  place: number | null;
  done: number;
  total: number;
  /** What is counted: images, steps. */
  unit: string;
  perSecond: number | null;
  secondsLeft: number | null;
  /** When it began; of one that waits, when it was asked for. */
  startedAt: number;
  endedAt: number | null;
  /** Run that the job makes, where it makes one. */
  runId: string | null;
  error: { code: string; message: string } | null;
  /** One sentence for the person when done. */
  summary: string | null;
}

export interface Epoch {
  epoch: number;
  loss: number;
  valLoss: number | null;
  seconds: number;
  /** Of a classifier: shares of images whose class was predicted, and the rate at the epoch's end. */
  accuracy?: number;
  valAccuracy?: number | null;
  learningRate?: number;
}

/** `interrupted`: the process died while it ran; it can be resumed from its last checkpoint. */
export type RunState = 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';

/** What a run is of: a scorer's ranking, a classifier's training, a search for a learning rate, a judgement of the labels. */
export type RunKind = 'rank' | 'train' | 'range-test' | 'labels';

/** What a list of runs shows. The settings, curves and results are in the `Run`, which is fetched when somebody looks at it. */
export interface RunSummary extends Pick<
  Run,
  'id' | 'kind' | 'method' | 'state' | 'seed' | 'trainOn' | 'trained' | 'column' | 'createdAt' | 'seconds' | 'epochs'
> {
  /** The run that it is a part of. */
  parent: string | null;
  /** The number that runs of its kind are compared by. */
  headline: { name: 'accuracy' | 'rate'; value: number } | null;
  /** The last epoch that has ended. */
  epoch: number | null;
  /** Of a classifier: how the images were divided. */
  dividedBy: Classification['by'] | null;
  /** Of its folder; null while it runs. */
  bytes: number | null;
  archived: boolean;
  /** Moves on with every change of the run. */
  version: number;
}

/** One training with settings and curves. */
export interface Run {
  id: string;
  kind: RunKind;
  /** The run that it is a part of; absent where it stands alone. */
  parent?: string;
  /** The scorer, or the architecture. */
  method: string;
  state: RunState;
  seed: number;
  trainOn: string | null;
  trained: number;
  parameters: Record<string, unknown>;
  /** What the images are sorted by: the error of a scorer, the loss of a classifier. */
  column: string;
  createdAt: number;
  seconds: number | null;
  imagesPerSecond: number | null;
  peakMemoryMiB: number | null;
  backend: string | null;
  device: string | null;
  history: Epoch[];
  epochs: number | null;
  report: Record<string, number | string | boolean | null>;
  /** Sentences that a person should read: memory ran out, nothing was learned. */
  notes: readonly string[];
  classification: Classification | null;
  rangeTest: RangeTest | null;
}

/** What freeing the disk space of deleted runs gave. */
export interface Purged {
  runs: readonly string[];
  bytes: number;
}

/** A record that can be run, as the forms and flags need it. `schema` is JSON Schema. */
export interface Method {
  id: string;
  title: string;
  summary: string;
  schema: Record<string, unknown>;
}

/** What a scorer takes of each image: pixels of a square, or an embedding by bundled weights. */
export type ScorerInputs = 'pixels' | 'embeddings';

/** What a scorer gives for each image. What is absent no view shows. */
export interface ScorerOutputs {
  /** `title`: of the numbers, as an axis names them. */
  score: { title: string };
  /** Where in the image the anomaly lies. `title`: of the pane that shows it. */
  map?: { title: string };
  reconstruction?: true;
  /** Numbers that the model encodes the image by: a map of the folder can be laid out by them. */
  code?: true;
}

/** A way of ranking. `short` stands on the button that chooses it. */
export interface ScorerMethod extends Method {
  short: string;
  inputs: ScorerInputs;
  gives: ScorerOutputs;
}

/** An architecture: `schema` is what training it from scratch asks for, `modes` what each way of training it does. */
export interface Model extends Method {
  modes: Partial<Record<TrainMode, Record<string, unknown>>>;
}

/** What an import would change, or has changed. */
export interface ImportResult {
  rows: number;
  matched: number;
  changed: number;
  /** Paths of rows for which there is no image here; at most a hundred. */
  unmatched: readonly string[];
}

/** A copy of a workspace's database. */
export interface Backup {
  name: string;
  atMs: number;
  bytes: number;
  /** Steps in its journal; null where it is damaged. */
  steps: number | null;
  isGood: boolean;
}

export interface Restored {
  backup: string | null;
  /** Where the database that was replaced is kept. */
  aside: string | null;
  steps: number;
}

/** How image files come to an export. `list`: not at all. `move`: copied, read back, then the originals go to the system’s trash. */
export const placements = ['copy', 'hardlink', 'symlink', 'list', 'move'] as const;

/** A way to export, as the forms and flags need it. */
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
  /** Left out because an expression said so. */
  dropped: number;
  unreadable: number;
  freeBytes: number;
  /** Images in each split; empty where there are none. */
  splits: Record<string, number>;
  /** Files that get another name, since two would be one where capitals do not count. */
  renamed: number;
}

export interface ExportResult extends ExportPlan {
  seconds: number;
  /** Files that changed or vanished between scan and export and are not in it; after a move, also originals that the trash did not take. */
  failed: Issue[];
  /** Originals moved to the system's trash, where that was asked for. */
  trashed: number;
}

/** What the one event stream of a workspace carries. */
export type WorkspaceEvent =
  | { type: 'job'; job: Job }
  | { type: 'run'; run: RunSummary }
  | { type: 'changed'; revision: number; journal: Journal };

export interface FolderEntry {
  name: string;
  path: string;
}

export interface FolderList {
  path: string;
  parent: string | null;
  folders: FolderEntry[];
}

/** A folder that was opened. */
export interface Opened {
  id: string;
  folder: string;
  /** A sentence to read: the workspace lies where it should not. */
  warning: string | null;
}

/**
 * The words of the contract: what the engine tells its doors (window, browser, command line). Plain data only; everything here
 * survives JSON. The renderer imports these types and never the engine's.
 */

export type Decision = 'keep' | 'reject' | 'unsure';
export const decisions: readonly Decision[] = ['keep', 'reject', 'unsure'];

/** One readable image file of the folder. Numbers learned about it are columns, not properties. */
export interface Sample {
  id: number;
  /** Relative to the folder, with `/`. */
  path: string;
  /** Label given by the sub-folder that holds the file; null at the top. */
  class: string | null;
  bytes: number;
  modifiedMs: number;
  /** After orientation. */
  width: number;
  height: number;
  format: string;
  sha256: string;
  decision: Decision | null;
}

/** A file that could not be read, and why. */
export interface Issue {
  path: string;
  code: IssueCode;
  message: string;
}

export type IssueCode =
  | 'empty' | 'not-an-image' | 'truncated' | 'corrupt' | 'too-large' | 'too-slow'
  | 'unsupported-format' | 'vanished' | 'no-permission' | 'unreadable';

/** A named number for each sample. */
export interface Column {
  name: string;
  title: string;
  /** Which run wrote it; null for what the scan measured. */
  runId: string | null;
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

export interface Workspace {
  id: string;
  folder: string;
  name: string;
  samples: number;
  issues: number;
  scannedAt: number | null;
  revision: number;
  journal: Journal;
}

export type JobState = 'running' | 'done' | 'failed' | 'cancelled';
export type JobKind = 'scan' | 'rank' | 'export';

/** Something running, with how far it is. `perSecond` and `secondsLeft` are null until they can be told. */
export interface Job {
  id: number;
  kind: JobKind;
  title: string;
  stage: string;
  state: JobState;
  done: number;
  total: number;
  /** What is counted: images, steps. */
  unit: string;
  perSecond: number | null;
  secondsLeft: number | null;
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
}

/** `interrupted`: the process died while it ran; it can be resumed from its last checkpoint. */
export type RunState = 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';

/** One training with settings and curves. */
export interface Run {
  id: string;
  method: string;
  state: RunState;
  seed: number;
  trainOn: string | null;
  trained: number;
  parameters: Record<string, unknown>;
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
}

/** A record that can be run, as the forms and flags need it. `schema` is JSON Schema. */
export interface Method {
  id: string;
  title: string;
  summary: string;
  schema: Record<string, unknown>;
}

export interface ExportPlan {
  folder: string;
  to: string;
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
}

export interface ExportResult extends ExportPlan {
  seconds: number;
  /** Files that changed or vanished between scan and export; they are not in the export. */
  failed: Issue[];
}

/** A part of the program on this machine, and how to mend it. */
export interface Component {
  id: string;
  title: string;
  state: 'ready' | 'missing' | 'broken' | 'optional';
  version: string | null;
  detail: string;
  mend: string | null;
}

export interface EngineInfo {
  version: string;
  platform: string;
  /** Folder of the images that come with the program. */
  sampleFolder: string | null;
}

/** As people know them. */
export const backendTitles = { tensorflow: 'native TensorFlow', webgpu: 'WebGPU', plain: 'plain JavaScript (slow)' } as const;

/** What the tensors run on. */
export interface Backend {
  backend: keyof typeof backendTitles;
  version: string;
  device: string;
  threads: number;
  /** Said where it is much slower than it could be. */
  warning?: string;
}

/** What the one event stream of a workspace carries. */
export type WorkspaceEvent =
  | { type: 'job'; job: Job }
  | { type: 'run'; run: Run }
  | { type: 'changed'; revision: number; journal: Journal };

export interface FolderEntry {
  name: string;
  path: string;
}

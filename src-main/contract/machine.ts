/** What the engine tells of the machine: its parts, what it computes on, and the memory that a training takes. */

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
export const backendTitles = {
  tensorflow: 'native TensorFlow',
  webgpu: 'WebGPU',
  plain: 'plain JavaScript (slow)',
} as const;

export const backendChoices = ['auto', 'tensorflow', 'webgpu', 'plain'] as const;
export type BackendChoice = (typeof backendChoices)[number];

/** What training by these parameters would take of memory, and what there is. */
export interface MemoryEstimate {
  parameters: number;
  /** Of the parameters' own batch, or the least where it is to be found. */
  batch: number;
  perImageMiB: number;
  fixedMiB: number;
  totalMiB: number;
  freeMiB: number;
}

/** What was chosen to compute on, and what does. */
export interface BackendState {
  choice: BackendChoice;
  /** `WINNOW_BACKEND` or `--backend` says so: nothing else can be chosen while this engine runs. */
  fixed: boolean;
  running: Backend | null;
  /** Why nothing runs. */
  problem: string | null;
}

/** What the tensors run on. */
export interface Backend {
  backend: keyof typeof backendTitles;
  version: string;
  device: string;
  threads: number;
  /** Said where it is much slower than it could be. */
  warning?: string;
}

/** Types about the installation: its components, the compute backend and memory estimates. */

/** A component of the installation. `mend` says how to repair it. */
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

/** Labels for people. */
export const backendTitles = {
  tensorflow: 'native TensorFlow',
  webgpu: 'WebGPU',
  plain: 'plain JavaScript (slow)',
} as const;

export const backendChoices = ['auto', 'tensorflow', 'webgpu', 'plain'] as const;
export type BackendChoice = (typeof backendChoices)[number];

/** Memory that a training with these parameters would need, and free memory. */
export interface MemoryEstimate {
  parameters: number;
  /** The batch size of the parameters, or the smallest one if it is found automatically. */
  batch: number;
  perImageMiB: number;
  fixedMiB: number;
  totalMiB: number;
  freeMiB: number;
}

/** The chosen backend and the running one. */
export interface BackendState {
  choice: BackendChoice;
  /** Set by `WINNOW_BACKEND` or `--backend`: it cannot be changed while this engine runs. */
  fixed: boolean;
  running: Backend | null;
  /** Why nothing runs. */
  problem: string | null;
}

/** The backend that runs the tensor operations. */
export interface Backend {
  backend: keyof typeof backendTitles;
  version: string;
  device: string;
  threads: number;
  /** Set if it is much slower than possible. */
  warning?: string;
}

/** What the engine must be able to do for the contract to keep its promises. The engine implements these; the contract imports nothing of it. */
import type { z } from 'zod';
import type { Advice, Division, LabelQueue, ModelSummary, Preview, Probability } from './classifier.ts';
import type {
  alikeSchema,
  Change,
  Choice,
  DivisionRequest,
  estimateSchema,
  ExportRequest,
  importSchema,
  KeepBest,
  LabelsRequest,
  mapSchema,
  moveJobSchema,
  openSchema,
  predictSchema,
  PreviewRequest,
  RankRequest,
  restoreSchema,
  summarySchema,
  TakeAwayRequest,
  thresholdSchema,
  TrainRequest,
  viewSchema,
} from './schemas.ts';
import type {
  BackendChoice,
  BackendState,
  Backup,
  Changes,
  CheckState,
  Column,
  Component,
  EngineInfo,
  Entry,
  ExportFormat,
  ExportPlan,
  ExportResult,
  Finding,
  FolderEntry,
  Group,
  ImportResult,
  Issue,
  Job,
  Journal,
  MemoryEstimate,
  Model,
  Run,
  Restored,
  SavedView,
  ScorerMethod,
  Workspace,
  WorkspaceEvent,
} from './types.ts';

export interface EngineService {
  info(): EngineInfo;
  /** Starts the compute process where it does not run yet. */
  backend(): Promise<BackendState>;
  /** Throws `job-running` while a job runs. What cannot be used is not kept. */
  chooseBackend(choice: BackendChoice): Promise<BackendState>;
  doctor(): Promise<Component[]>;
  /** Of memory; null where a method does not train by batches. */
  estimate(request: z.infer<typeof estimateSchema>): Promise<MemoryEstimate | null>;
  methods(): ScorerMethod[];
  /** The architectures, each with all parameters of a training. */
  models(): Model[];
  summary(request: z.infer<typeof summarySchema>): Promise<ModelSummary>;
  exportFormats(): ExportFormat[];
  /** Opens the folder's workspace, or finds the engine that has it open. */
  open(request: {
    folder: string;
    workspace?: string;
  }): Promise<{ id: string; folder: string; warning: string | null }>;
  /** Of a folder's workspace, which need not be opened, nor be whole. The newest first. */
  backups(request: z.infer<typeof openSchema>): Promise<Backup[]>;
  /** Brings a backup back, or takes the database as it is. Closes the workspace where it is open here; throws `workspace-busy` where another engine has it. */
  restore(request: z.infer<typeof restoreSchema>): Promise<Restored>;
  listFolders(path: string | null): Promise<{ path: string; parent: string | null; folders: FolderEntry[] }>;
}

/** What an edit, an undo or a redo has done. */
export interface Edited {
  changed: number;
  title: string;
  journal: Journal;
}

export interface WorkspaceService {
  describe(): Workspace;
  changes(since: number, limit: number): Changes;
  columns(): Column[];
  issues(): Issue[];
  checks(): CheckState[];
  findings(): Finding[];
  groups(): Group[];
  views(): SavedView[];
  runs(): Run[];
  run(id: string): Run;
  jobs(): Job[];
  cancel(jobId: number): void;
  /** Of a job that waits. */
  moveJob(jobId: number, to: z.infer<typeof moveJobSchema>['to']): void;
  /** As all jobs: queued while another one runs. A scan that waits already is returned in the place of a second one. */
  scan(): Job;
  rank(request: RankRequest): Job;
  map(request: z.infer<typeof mapSchema>): Job;
  /** How the images would be divided. */
  divide(request: DivisionRequest): Division;
  train(request: TrainRequest): Job;
  /** Raises the learning rate step by step and notes the loss; the run has the curve. */
  rangeTest(request: TrainRequest): Job;
  /** A finished classifier's word on every image of the folder. */
  predict(request: z.infer<typeof predictSchema>): Job;
  /** Which way of training fits this folder. */
  advise(): Promise<Advice>;
  judgeLabels(request: LabelsRequest): Job;
  /** Null before the labels were judged. */
  labelQueue(): LabelQueue | null;
  /** Gives the images the classes that are suggested for them. */
  acceptLabels(ids: readonly number[]): Edited;
  /** Says of suspects that their labels are right. */
  confirmLabels(ids: readonly number[]): Edited;
  /** Writes the column `alike`: how like the chosen each image is. */
  alike(request: z.infer<typeof alikeSchema>): Job;
  preview(request: PreviewRequest): Promise<Preview>;
  /** Writes the model with its classes, its transform and an example, for other programs. */
  takeAway(request: TakeAwayRequest): Job;
  probabilities(runId: string, sampleId: number): Probability[];
  edit(choice: Choice, change: Change): Edited;
  setThreshold(request: z.infer<typeof thresholdSchema>): Edited;
  saveView(view: z.infer<typeof viewSchema>): Edited;
  removeView(name: string): Edited;
  /** Says for good that these are not duplicates of each other. */
  setApart(ids: readonly number[]): Edited;
  /** Rejects all but the best of each group. */
  keepBest(request: KeepBest): Edited;
  undo(): Edited;
  redo(): Edited;
  history(limit: number): Entry[];
  /** A shell script that does everything again that was done and not undone. */
  script(): string;
  import(request: z.infer<typeof importSchema>): Promise<ImportResult>;
  planExport(request: ExportRequest): Promise<ExportPlan>;
  export(request: ExportRequest): Job;
  exportResult(jobId: number): ExportResult | null;
  /** A first state of everything that moves, then each change, until the signal. */
  events(signal: AbortSignal): AsyncGenerator<WorkspaceEvent>;
}

export interface Context {
  engine: EngineService;
  /** Set where the address names a workspace. */
  workspace: WorkspaceService | null;
}

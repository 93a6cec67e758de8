/**
 * Every call that a window, a browser or the command line can make, by group: whether it reads (query), changes (mutation) or follows
 * (subscription), the schema of its input, and the type of its answer. The router is built from this table, and the engine implements the types that
 * follow from it.
 */
import { z } from 'zod';
import type { Advice, Division, LabelQueue, ModelSummary, Preview, Probability } from './classifier.ts';
import {
  alikeSchema,
  backendSchema,
  divisionSchema,
  editSchema,
  estimateSchema,
  exportSchema,
  idsSchema,
  importSchema,
  keepBestSchema,
  labelsSchema,
  mapSchema,
  moveJobSchema,
  openSchema,
  predictSchema,
  previewSchema,
  rankSchema,
  restoreSchema,
  runsSchema,
  summarySchema,
  takeAwaySchema,
  thresholdSchema,
  trainSchema,
  viewSchema,
} from './schemas.ts';
import type { BackendState, Component, EngineInfo, MemoryEstimate } from './machine.ts';
import type {
  Backup,
  Changes,
  CheckState,
  Column,
  Edited,
  Entry,
  ExportFormat,
  ExportPlan,
  ExportResult,
  Finding,
  FolderList,
  Group,
  ImportResult,
  Issue,
  Job,
  Model,
  Opened,
  Restored,
  Purged,
  Run,
  RunSummary,
  SavedView,
  ScorerMethod,
  Workspace,
  WorkspaceEvent,
} from './types.ts';

export interface Procedure<Type extends 'query' | 'mutation' | 'subscription', Schema extends z.ZodType, Answer> {
  type: Type;
  /** null: it has no input. */
  schema: Schema | null;
  /** For the type only: never there. */
  answer?: Answer;
}

/** A call with an input. */
const input = <Schema extends z.ZodType>(schema: Schema | null) => ({
  query: <Answer>(): Procedure<'query', Schema, Answer> => ({ type: 'query', schema }),
  mutation: <Answer>(): Procedure<'mutation', Schema, Answer> => ({ type: 'mutation', schema }),
});
const { query, mutation } = input<z.ZodVoid>(null);
const subscription = <Event>(): Procedure<'subscription', z.ZodVoid, Event> => ({ type: 'subscription', schema: null });

/** Of the engine, whatever folder is open. */
export const engineProcedures = {
  info: query<EngineInfo>(),
  /** Starts the compute process where it does not run yet. */
  backend: query<BackendState>(),
  /** Throws `job-running` while a job runs. A backend that does not start is not kept. */
  chooseBackend: input(backendSchema).mutation<BackendState>(),
  doctor: query<Component[]>(),
  /** Of memory; null where a method does not train by batches. */
  estimate: input(estimateSchema).query<MemoryEstimate | null>(),
  methods: query<ScorerMethod[]>(),
  /** The architectures, each with all parameters of a training. */
  models: query<Model[]>(),
  summary: input(summarySchema).query<ModelSummary>(),
  exportFormats: query<ExportFormat[]>(),
  folders: input(z.object({ path: z.string().nullable() })).query<FolderList>(),
  /** Of a folder's workspace, which need not be opened, nor be whole. The newest first. */
  backups: input(openSchema).query<Backup[]>(),
  /** Restores a backup, or accepts the database as it is. Closes the workspace where it is open here; throws `workspace-busy` where another engine has it. */
  restore: input(restoreSchema).mutation<Restored>(),
  /** Opens the folder's workspace, or finds the engine that has it open. */
  open: input(openSchema).mutation<Opened>(),
};

/** Of an open folder. */
export const workspaceProcedures = {
  workspace: {
    describe: query<Workspace>(),
    /** The present state of everything that changes, then each change, until the signal. */
    events: subscription<WorkspaceEvent>(),
    /** A scan that is queued already is returned in place of a second one. */
    scan: mutation<Job>(),
    rank: input(rankSchema).mutation<Job>(),
    map: input(mapSchema).mutation<Job>(),
    import: input(importSchema).mutation<ImportResult>(),
  },
  classifier: {
    /** Which way of training fits this folder. */
    advise: query<Advice>(),
    /** How the images would be divided. */
    divide: input(divisionSchema).query<Division>(),
    train: input(trainSchema).mutation<Job>(),
    /** Raises the learning rate step by step and records the loss; the run has the curve. */
    rangeTest: input(trainSchema).mutation<Job>(),
    /** Predicts every image of the folder with a finished classifier. */
    predict: input(predictSchema).mutation<Job>(),
    /** Writes the model with its classes, its transform and an example, for other programs. */
    takeAway: input(takeAwaySchema).mutation<Job>(),
    preview: input(previewSchema).mutation<Preview>(),
    probabilities: input(z.object({ runId: z.string(), sampleId: z.int() })).query<Probability[]>(),
  },
  labels: {
    judge: input(labelsSchema).mutation<Job>(),
    /** Null before the labels were judged. */
    queue: query<LabelQueue | null>(),
    /** Gives the images the classes that are suggested for them. */
    accept: input(idsSchema).mutation<Edited>(),
    /** Marks the labels of suspects as right. */
    confirm: input(idsSchema).mutation<Edited>(),
  },
  samples: {
    /** Writes the column `alike`: how like the chosen each image is. */
    alike: input(alikeSchema).mutation<Job>(),
    changes: input(
      z.object({ since: z.int().nonnegative(), limit: z.int().positive().max(100_000).default(20_000) }),
    ).query<Changes>(),
    columns: query<Column[]>(),
    /** One sample's value in each of these columns; null where there is none. */
    values: input(z.object({ id: z.int(), columns: z.array(z.string()).max(1000) })).query<(number | null)[]>(),
    issues: query<Issue[]>(),
  },
  checks: {
    list: query<CheckState[]>(),
    findings: query<Finding[]>(),
    setThreshold: input(thresholdSchema).mutation<Edited>(),
  },
  duplicates: {
    groups: query<Group[]>(),
    /** Marks the images as no duplicates of each other, for good. */
    setApart: input(z.object({ ids: z.array(z.int()).min(2) })).mutation<Edited>(),
    /** Rejects all but the best of each group. */
    keepBest: input(keepBestSchema).mutation<Edited>(),
  },
  views: {
    list: query<SavedView[]>(),
    save: input(viewSchema).mutation<Edited>(),
    remove: input(z.object({ name: z.string() })).mutation<Edited>(),
  },
  journal: {
    edit: input(editSchema).mutation<Edited>(),
    undo: mutation<Edited>(),
    redo: mutation<Edited>(),
    history: input(z.object({ limit: z.int().positive().max(10_000).default(200) })).query<Entry[]>(),
    /** A shell script that repeats everything that was done and not undone. */
    script: query<string>(),
  },
  jobs: {
    list: query<Job[]>(),
    cancel: input(z.object({ id: z.int() })).mutation<void>(),
    /** Of a queued job. */
    move: input(moveJobSchema).mutation<void>(),
  },
  runs: {
    /** Archived ones too, deleted ones not. The newest first. */
    list: query<RunSummary[]>(),
    get: input(z.object({ id: z.string() })).query<Run>(),
    /** Hides the runs from lists. */
    archive: input(runsSchema).mutation<Edited>(),
    unarchive: input(runsSchema).mutation<Edited>(),
    /** Hides the runs and their columns. Their files go after 30 days, or when `purge` is called. */
    delete: input(runsSchema).mutation<Edited>(),
    /** Frees the disk space of deleted runs; deleting them can then no longer be undone. */
    purge: mutation<Purged>(),
  },
  exports: {
    plan: input(exportSchema).query<ExportPlan>(),
    start: input(exportSchema).mutation<Job>(),
    result: input(z.object({ jobId: z.int() })).query<ExportResult | null>(),
  },
};

/** What the engine implements for a procedure. A subscription gets the signal that ends it. */
type Implementation<P> =
  P extends Procedure<'subscription', z.ZodType, infer Answer>
    ? (signal: AbortSignal) => AsyncGenerator<Answer>
    : P extends Procedure<'query' | 'mutation', infer Schema, infer Answer>
      ? (input: z.output<Schema>) => Answer | Promise<Answer>
      : never;

export type Implemented<Procedures> = { [Name in keyof Procedures]: Implementation<Procedures[Name]> };

export type EngineCalls = Implemented<typeof engineProcedures>;
export type WorkspaceCalls = {
  [Name in keyof typeof workspaceProcedures]: Implemented<(typeof workspaceProcedures)[Name]>;
};

/**
 * The table of all calls that the window, a browser or the command line can make, by group: query, mutation or subscription, the schema of the
 * input, and the type of the answer. The router is built from this table, and the types of the engine's
 * implementations are derived from it.
 */
import { z } from 'zod';
import type { Advice, DatasetSplit, LabelQueue, ModelSummary, Preview, Probability } from './classifier.ts';
import {
  similaritySchema,
  backendSchema,
  classRuleSchema,
  planeSchema,
  compareRunsSchema,
  describeRunSchema,
  splitSchema,
  editSchema,
  estimateSchema,
  evaluateSchema,
  evidenceSchema,
  explainFilesSchema,
  exportSchema,
  idsSchema,
  importSchema,
  keepBestSchema,
  layerSchema,
  labelsSchema,
  mapFilesSchema,
  mapSchema,
  moveJobSchema,
  openSchema,
  predictSchema,
  previewSchema,
  rankSchema,
  restoreSchema,
  runsSchema,
  runThresholdSchema,
  scoreSchema,
  subjectSchema,
  summarySchema,
  exportModelSchema,
  thresholdSchema,
  trainSchema,
  unitSchema,
  unlikeSchema,
  viewSchema,
  watchSchema,
} from './schemas.ts';
import {
  changeSearchSchema,
  resumeSearchSchema,
  searchIdSchema,
  searchSchema,
  searchSubjectSchema,
  surrogateSchema,
  trainLongerSchema,
  trialSchema,
} from './search-schemas.ts';
import type { RunComparison } from './run-comparison.ts';
import type { RunFacts } from './run-facts.ts';
import type { Importance, SearchOptions, SearchProposal, Surrogate, Trial } from './search.ts';
import type { Evaluation } from './evaluation.ts';
import type { ExplanationMethods, LayerSurvey, NetworkView, Subject, UnitSurvey } from './inside.ts';
import type { Threshold } from './threshold.ts';
import type { BackendState, Component, EngineInfo, MemoryEstimate } from './machine.ts';
import type { ExplainedFiles, ExportFormat, ExportPlan, ExportResult } from './export-types.ts';
import type {
  Changes,
  CheckState,
  Column,
  Edited,
  Entry,
  Finding,
  Group,
  ImportResult,
  Issue,
  Job,
  SavedDetector,
  Model,
  Purged,
  Run,
  RunSummary,
  SavedView,
  ScorerMethod,
  Workspace,
  WorkspaceEvent,
} from './types.ts';
import type { Backup, FolderList, Opened, Restored } from './folders.ts';
import type { Unlike } from './unlike.ts';
import type { Arrival, Watch } from './watch.ts';

export interface Procedure<Type extends 'query' | 'mutation' | 'subscription', Schema extends z.ZodType, Answer> {
  type: Type;
  /** null if there is no input. */
  schema: Schema | null;
  /** Carries the type only; never set. */
  answer?: Answer;
}

/** A call with an input. */
const input = <Schema extends z.ZodType>(schema: Schema | null) => ({
  query: <Answer>(): Procedure<'query', Schema, Answer> => ({ type: 'query', schema }),
  mutation: <Answer>(): Procedure<'mutation', Schema, Answer> => ({ type: 'mutation', schema }),
});
const { query, mutation } = input<z.ZodVoid>(null);
const subscription = <Event>(): Procedure<'subscription', z.ZodVoid, Event> => ({ type: 'subscription', schema: null });

/** Calls of the engine, independent of the open folder. */
export const engineProcedures = {
  info: query<EngineInfo>(),
  /** Starts the compute process if it does not run yet. */
  backend: query<BackendState>(),
  /** Throws `job-running` while a job runs. If the new backend does not start, the previous one stays. */
  chooseBackend: input(backendSchema).mutation<BackendState>(),
  doctor: query<Component[]>(),
  /** Memory estimate; null if the method does not train in batches. */
  estimate: input(estimateSchema).query<MemoryEstimate | null>(),
  methods: query<ScorerMethod[]>(),
  /** The architectures, each with all training parameters. */
  models: query<Model[]>(),
  summary: input(summarySchema).query<ModelSummary>(),
  exportFormats: query<ExportFormat[]>(),
  folders: input(z.object({ path: z.string().nullable() })).query<FolderList>(),
  /** Backups of a folder's workspace, newest first. The workspace need not be open or intact. */
  backups: input(openSchema).query<Backup[]>(),
  /** Restores a backup, or accepts the database as it is. Closes the workspace if it is open here; throws `workspace-busy` if another engine has it. */
  restore: input(restoreSchema).mutation<Restored>(),
  /** The finished rankings of a folder, newest first. It need not be open. */
  rankings: input(openSchema).query<SavedDetector[]>(),
  /** Opens the folder's workspace, or finds the engine that has it open. */
  open: input(openSchema).mutation<Opened>(),
};

/** Calls on an open folder. */
export const workspaceProcedures = {
  workspace: {
    describe: query<Workspace>(),
    /** The current state, then every change, until the signal. */
    events: subscription<WorkspaceEvent>(),
    /** Returns the queued scan if there is one. */
    scan: mutation<Job>(),
    /** Shows this plane of all stacks, and scans the folder for it. */
    setPlane: input(planeSchema).mutation<Job>(),
    /** How folders become classes. All images get their classes anew. */
    setClasses: input(classRuleSchema).mutation<Edited>(),
    rank: input(rankSchema).mutation<Job>(),
    /** Scores images with a finished ranking, without training. */
    score: input(scoreSchema).mutation<Job>(),
    map: input(mapSchema).mutation<Job>(),
    import: input(importSchema).mutation<ImportResult>(),
  },
  classifier: {
    /** Recommends a training mode for this folder. */
    advise: query<Advice>(),
    /** Previews the split into train, val and test. */
    split: input(splitSchema).query<DatasetSplit>(),
    train: input(trainSchema).mutation<Job>(),
    /** Raises the learning rate step by step and records the loss; the run has the curve. */
    rangeTest: input(trainSchema).mutation<Job>(),
    /** Predicts every image of the folder with a finished classifier. */
    predict: input(predictSchema).mutation<Job>(),
    /** Writes the model with its classes, its transform and an example, for other programs. */
    exportModel: input(exportModelSchema).mutation<Job>(),
    preview: input(previewSchema).mutation<Preview>(),
    probabilities: input(z.object({ runId: z.string(), sampleId: z.int() })).query<Probability[]>(),
  },
  labels: {
    find: input(labelsSchema).mutation<Job>(),
    /** Null before the first search for label errors. */
    queue: query<LabelQueue | null>(),
    /** Gives the images their suggested classes. */
    accept: input(idsSchema).mutation<Edited>(),
    /** Confirms the present classes of suspects. */
    confirm: input(idsSchema).mutation<Edited>(),
  },
  samples: {
    /** Writes the column `alike`: the similarity of each image to the selected ones. */
    findSimilar: input(similaritySchema).mutation<Job>(),
    changes: input(
      z.object({ since: z.int().nonnegative(), limit: z.int().positive().max(100_000).default(20_000) }),
    ).query<Changes>(),
    columns: query<Column[]>(),
    /** One sample's value in each of these columns; null for no value. */
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
    /** Marks the images as not duplicates of each other, permanently. */
    markNotDuplicates: input(z.object({ ids: z.array(z.int()).min(2) })).mutation<Edited>(),
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
    /** Moves a queued job. */
    move: input(moveJobSchema).mutation<void>(),
  },
  /** Scores files as they arrive, until it is stopped. */
  watch: {
    /** If the folder is watched with the same run already, only its threshold changes. Throws `job-running` if it is watched with another run. */
    start: input(watchSchema).mutation<Watch>(),
    stop: mutation<void>(),
    state: query<Watch | null>(),
    /** Arrivals after number `since`, oldest first. The last 10,000 are kept: `missed` counts older ones after `since`. */
    arrivals: input(
      z.object({ since: z.int().nonnegative(), limit: z.int().positive().max(10_000).default(1000) }),
    ).query<{ arrivals: Arrival[]; missed: number }>(),
  },
  runs: {
    /** The newest first. Includes archived runs, but not deleted ones. */
    list: query<RunSummary[]>(),
    get: input(z.object({ id: z.string() })).query<Run>(),
    /** Settings and figures of many runs at once, in the order of the ids; runs that do not exist are left out. */
    settings: input(z.object({ ids: z.array(z.string()).max(1000) })).query<RunFacts[]>(),
    /** The threshold of a finished ranking, by this rule; without one, the threshold that it keeps. Throws `bad-request` for a rule that does not exist. */
    threshold: input(runThresholdSchema).query<Threshold>(),
    /** Keeps a rule for the threshold of a ranking: the window, evaluations, exports and watches use it. */
    setThreshold: input(runThresholdSchema).mutation<Edited>(),
    /** Writes the error maps of a ranking, or masks of its anomalous regions. */
    writeMaps: input(mapFilesSchema).mutation<Job>(),
    /** The normal patch that is nearest to a place of an image; only for rankings that keep patches. */
    unlike: input(unlikeSchema).query<Unlike>(),
    /** Sets the name, the note or the pin of a run. */
    describe: input(describeRunSchema).mutation<Edited>(),
    /** Compares two finished classifiers, or two finished rankings, on the same images. Throws `bad-request` for others. */
    compare: input(compareRunsSchema).query<RunComparison>(),
    /** The command that makes the run again, without the program's name. Throws `bad-request` if its record lacks something. */
    command: input(z.object({ id: z.string().min(1) })).query<string>(),
    /** Hides the runs from lists. */
    archive: input(runsSchema).mutation<Edited>(),
    unarchive: input(runsSchema).mutation<Edited>(),
    /** Hides the runs and their columns. Their files are removed after 30 days, or by `purge`. */
    delete: input(runsSchema).mutation<Edited>(),
    /** Frees the disk space of deleted runs; the deletion can then no longer be undone. */
    purge: mutation<Purged>(),
  },
  /** Looks inside networks; answers with typed arrays are in `inside-procedures.ts`. */
  inside: {
    /** The networks that can be looked into: finished runs, the newest first, then bundled weights. */
    subjects: query<Subject[]>(),
    network: input(subjectSchema).query<NetworkView>(),
    methods: input(subjectSchema).query<ExplanationMethods>(),
    /** Runs all images through the network, and records what each unit answers to. */
    survey: input(subjectSchema).mutation<Job>(),
    /** Null before a survey. */
    layer: input(layerSchema).query<LayerSurvey | null>(),
    unit: input(unitSchema).query<UnitSurvey | null>(),
    /** Explains all images: mean maps by class, and the column `<run>.outside`. */
    evidence: input(evidenceSchema).mutation<Job>(),
    /** Writes the maps of some images as files. */
    writeExplanations: input(explainFilesSchema).mutation<Job>(),
    /** Null until the job of `writeExplanations` has ended. */
    written: input(z.object({ jobId: z.int() })).query<ExplainedFiles | null>(),
  },
  /** Searches for hyperparameters. The search itself is a run, with its state in `search`. */
  search: {
    options: query<SearchOptions>(),
    /** The default space and the objectives of a method on this folder. */
    propose: input(searchSubjectSchema).query<SearchProposal>(),
    start: input(searchSchema).mutation<Job>(),
    /** Continues an ended, paused or interrupted search; an unfinished trial continues from its checkpoint. */
    resume: input(resumeSearchSchema).mutation<Job>(),
    /** Ends the job after saving the running trials. */
    pause: input(searchIdSchema).mutation<void>(),
    /** Changes bounds or budget, also while it runs. */
    change: input(changeSearchSchema).mutation<void>(),
    /** In the order of their numbers. */
    trials: input(searchIdSchema).query<Trial[]>(),
    /** Ends a running trial early; its value is the best one so far. */
    stopTrial: input(trialSchema).mutation<void>(),
    /** Makes a run of a trial, without training if its checkpoint was kept. */
    keep: input(trialSchema).mutation<Job>(),
    /** Trains the parameters of a trial again, for more epochs. */
    trainLonger: input(trainLongerSchema).mutation<Job>(),
    importance: input(searchIdSchema).query<Importance[]>(),
    surrogate: input(surrogateSchema).query<Surrogate>(),
  },
  evaluation: {
    /** Compares a ranking with the truth. The figures of pixels are those that `pixels` has computed. */
    judge: input(evaluateSchema).query<Evaluation>(),
    /** Compares the error maps of a ranking with the masks. */
    pixels: input(evaluateSchema).mutation<Job>(),
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

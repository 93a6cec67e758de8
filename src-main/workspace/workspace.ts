/** An open folder: its table, journal, checks, duplicates, runs and jobs behind the contract's calls. The folder itself is only ever read. */
import { EventEmitter, on } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import type { Compute } from '../compute/child.ts';
import { WinnowError } from '../contract/errors.ts';
import { rejectsOf } from '../contract/keep-best.ts';
import { predicateOf, type ReadSource } from '../contract/read.ts';
import type { Advice, Division, LabelQueue, LabelSuspect, Probability } from '../contract/classifier.ts';
import type {
  alikeSchema,
  Change,
  Choice,
  DivisionRequest,
  ExportRequest,
  importSchema,
  KeepBest,
  LabelsRequest,
  mapSchema,
  predictSchema,
  PreviewRequest,
  RankRequest,
  TakeAwayRequest,
  thresholdSchema,
  TrainRequest,
  viewSchema,
} from '../contract/schemas.ts';
import type { Edited, WorkspaceService } from '../contract/services.ts';
import type { Entry, ExportResult, Job, Run, SavedView, Workspace, WorkspaceEvent } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { exportSet, planExport, type ExportInput } from '../export/export.ts';
import { RowStore } from '../rows/row-store.ts';
import { exportInput } from './export-input.ts';
import { advise } from './advice.ts';
import { findAlike } from './alike.ts';
import { apartSetting } from './apart.ts';
import { commandOf, scriptOf } from './commands.ts';
import { divide } from './division.ts';
import type { Database } from './database.ts';
import { choose, patchOf, titleOf, whatOf, withReason } from './edits.ts';
import { embeddedCount, likelyPairs } from './embeddings.ts';
import { OutputFolder } from '../file/output-folder.ts';
import { Groups } from './groups.ts';
import { Imports } from './import.ts';
import { Jobs, type Report } from './jobs.ts';
import { Journal, type Action, type Edit } from './journal.ts';
import { confirmedKey, judgeLabels, labelQueue, labelsSentence } from './labels.ts';
import { makeMap, mapByEmbeddings, mapByRun } from './map.ts';
import { mapName, writeMaps } from './maps.ts';
import { predictNew } from './predict.ts';
import { known, probabilitiesOf, readPredictions } from './predictions.ts';
import { Previews } from './preview.ts';
import { Quality } from './quality.ts';
import { checkRank, hasMaps, rank } from './rank.ts';
import { Runs } from './runs.ts';
import { readingsVersion, scan, type ScanSummary } from './scan.ts';
import { Settings, settingKey } from './settings.ts';
import { Table } from './table.ts';
import { takeAway } from './take-away.ts';
import { checkTrain, findRate, train } from './train.ts';
import { WorkspaceFile } from './workspace-file.ts';

export class OpenWorkspace implements WorkspaceService {
  readonly id: string;
  readonly folder: string;
  readonly workspaceFolder: string;
  readonly table: Table;
  readonly compute: Compute;
  readonly db: Database;
  readonly rows: RowStore;
  #file: WorkspaceFile;
  #settings: Settings;
  #journal: Journal;
  #quality: Quality;
  #groups: Groups;
  #runs: Runs;
  #jobs: Jobs;
  #exports = new Map<number, ExportResult>();
  #imports = new Imports();
  readonly previews: Previews;
  #events = new EventEmitter<{ event: [WorkspaceEvent] }>().setMaxListeners(0);

  constructor(id: string, folder: string, workspaceFolder: string, compute: Compute) {
    this.id = id;
    this.folder = folder;
    this.workspaceFolder = workspaceFolder;
    this.compute = compute;
    this.#file = new WorkspaceFile(workspaceFolder, folder);
    this.db = this.#file.db;
    this.rows = new RowStore(this.db, workspaceFolder);
    this.table = new Table(this.db);
    if (this.table.expectReadings(readingsVersion))
      rmSync(join(workspaceFolder, 'thumb'), { recursive: true, force: true }); // of the first version
    this.#settings = new Settings(this.db);
    this.#journal = new Journal(this.db, this.table, this.#settings, () => this.#file.stepped());
    this.#quality = new Quality(this.table, this.#settings);
    this.#groups = new Groups(this.db, this.table, this.#settings);
    this.#runs = new Runs(this.db);
    this.previews = new Previews(this.#desk());
    let told = this.table.revision;
    this.#jobs = new Jobs((job) => {
      if (this.table.revision !== told) {
        told = this.table.revision;
        this.#tellChanged();
      }
      this.#events.emit('event', { type: 'job', job });
    });
    if (this.table.meta('folder') === null) this.table.setMeta('folder', folder);
  }

  /** The folder that this workspace was made for. */
  get firstFolder(): string {
    return this.table.meta('folder') as string;
  }

  describe(): Workspace {
    const scannedAt = this.table.meta('scannedAt');
    return {
      id: this.id,
      key: this.#file.key,
      folder: this.folder,
      name: this.folder.split(/[\\/]/).filter(Boolean).at(-1) ?? this.folder,
      ...this.table.count(),
      scannedAt: scannedAt === null ? null : Number(scannedAt),
      revision: this.table.revision,
      shape: this.table.shape,
      journal: this.#journal.state(),
    };
  }

  changes = (since: number, limit: number) => this.table.changes(since, limit);
  columns = () => this.table.columns();
  issues = () => this.table.issues();
  checks = () => this.#quality.list();
  findings = () => this.#quality.findings();
  groups = () => this.#groups.list();
  views = (): SavedView[] => this.#settings.all<SavedView>('view').map(([, view]) => view);
  runs = () => this.#runs.list();
  run = (id: string): Run => this.#runs.get(id);
  jobs = () => this.#jobs.list();
  cancel = (jobId: number) => this.#jobs.cancel(jobId);
  moveJob = (jobId: number, to: 'next' | 'later') => this.#jobs.move(jobId, to);

  // --- jobs ---

  scan(): Job {
    return (
      this.#jobs.queued('scan') ??
      this.#jobs.start('scan', 'Scan', async (report) => scanSentence(await this.#scan(report)))
    );
  }

  async #scan(report: Report): Promise<ScanSummary> {
    const summary = await scan(this.folder, this.workspaceFolder, this.table, report);
    // Groups and checks follow from all samples; a scan that was cut off before them is caught up here.
    const embedded = embeddedCount(this.#desk()); // they tell of more pairs
    const derivedFrom = `${this.table.meta('measuresRevision')} ${this.table.count().samples}${embedded ? ` ${embedded}` : ''}`;
    if (this.table.meta('derivedFrom') !== derivedFrom) {
      const isWhole = await this.#groups.find(
        this.folder,
        this.workspaceFolder,
        report,
        embedded ? await likelyPairs(this.#desk(), report.signal) : [],
      );
      this.#quality.run();
      if (isWhole) this.table.setMeta('derivedFrom', derivedFrom);
    }
    return summary;
  }

  rank(request: RankRequest): Job {
    const { record } = checkRank(request);
    if (request.maps && !hasMaps(record.id))
      throw new WinnowError('bad-request', `${record.title} compares whole images: it has no error maps.`);
    const maps = request.maps === null ? null : new OutputFolder(request.maps, [this.folder], 'The folder for maps');
    return this.#jobs.start('rank', `Rank with ${record.title}`, async (report) => {
      await this.#scan(report);
      await maps?.check(this.table.samples().map(mapName)); // before hours of training
      const run = await rank(this.#desk(), request, report);
      this.#journal.note({ do: 'rank', request, run: run.id }, `rank with ${run.id}`);
      if (maps) await writeMaps(this, run, maps, report);
      return `${run.id}: ${plural(this.#count(run.column), 'image')} ranked`;
    });
  }

  map({ runId, seed, anew }: z.infer<typeof mapSchema>): Job {
    const run = runId === null ? null : this.run(runId);
    if (run && (run.kind !== 'rank' || run.state !== 'done' || !hasMaps(run.method)))
      throw new WinnowError(
        'no-run',
        `${run.id} is no finished autoencoder. A map is drawn by what one has learned of the images, or by the bundled weights.`,
      );
    return this.#jobs.start('map', 'Map', async (report) => {
      const source = run ? mapByRun(this.#desk(), run, report) : mapByEmbeddings(this.#desk(), report);
      const { placed, laidOut } = await makeMap(this.#desk(), source, { seed, anew }, report);
      return laidOut
        ? `${plural(placed + laidOut, 'image')} on the map of ${source.id}`
        : `${plural(placed, 'new image')} placed into the map`;
    });
  }

  divide = (request: DivisionRequest): Division => divide(this.table.samples(), this.groups(), request).division;

  train(request: TrainRequest): Job {
    const { record } = checkTrain(request);
    return this.#jobs.start('train', `Train ${record.title}`, async (report) => {
      await this.#scan(report);
      const run = await train(this.#desk(), request, report);
      this.#journal.note({ do: 'train', request, run: run.id }, `train ${run.id}`);
      const { evaluation } = run.classification ?? {};
      return evaluation
        ? `${run.id}: ${(evaluation.accuracy.value * 100).toFixed(1)} % of ${plural(evaluation.images, 'image')} right`
        : `${run.id} trained`;
    });
  }

  rangeTest(request: TrainRequest): Job {
    const { record } = checkTrain(request);
    return this.#jobs.start('range-test', `Learning rate of ${record.title}`, async (report) => {
      await this.#scan(report);
      const { id, rangeTest } = await findRate(this.#desk(), request, report);
      return rangeTest?.suggested
        ? `${id}: a learning rate of ${rangeTest.suggested.toPrecision(2)} is suggested`
        : `${id}: the loss falls at no learning rate`;
    });
  }

  predict({ runId }: z.infer<typeof predictSchema>): Job {
    const run = this.run(runId);
    if (run.kind !== 'train' || run.state !== 'done')
      throw new WinnowError('no-run', `${runId} is no finished classifier.`);
    return this.#jobs.start('predict', `Predict with ${runId}`, async (report) => {
      await this.#scan(report);
      return `${plural(await predictNew(this.#desk(), run, report), 'image')} predicted by ${runId}`;
    });
  }

  takeAway(request: TakeAwayRequest): Job {
    const run = this.run(request.runId);
    return this.#jobs.start(
      'take-away',
      `Take ${run.id} away`,
      async (report) =>
        `${run.id} is in ${request.to}, ${Math.ceil((await takeAway(this.#desk(), run, request, report)) / 2 ** 20)} MiB`,
    );
  }

  advise = (): Promise<Advice> => advise(this.#desk());

  judgeLabels(request: LabelsRequest): Job {
    return this.#jobs.start('labels', 'Judge the labels', async (report) => {
      await this.#scan(report);
      return labelsSentence(await judgeLabels(this.#desk(), request, report));
    });
  }

  labelQueue = (): LabelQueue | null => labelQueue(this.table, this.#settings, this.#runs.list());

  alike({ ids }: z.infer<typeof alikeSchema>): Job {
    return this.#jobs.start(
      'alike',
      'More like this',
      async (report) => `${plural(await findAlike(this.#desk(), ids, report), 'image')} compared`,
    );
  }

  preview = (request: PreviewRequest) => this.previews.make(request);

  probabilities = (runId: string, sampleId: number): Probability[] => {
    const sample = this.table.sample(sampleId);
    return sample ? probabilitiesOf(readPredictions(this.workspaceFolder, this.run(runId).id), sample) : [];
  };

  /** Of the samples that a run has predicted: ids, and a row of probabilities for each. */
  predictions(runId: string): { ids: number[]; classes: string[]; probabilities: Float32Array } {
    const predictions = readPredictions(this.workspaceFolder, this.run(runId).id);
    const rows = known(predictions, this.table.samples());
    const k = predictions.classes.length;
    const probabilities = new Float32Array(rows.length * k);
    rows.forEach(({ row }, i) => probabilities.set(predictions.probabilities.subarray(row * k, (row + 1) * k), i * k));
    return { ids: rows.map(({ sample }) => sample.id), classes: predictions.classes, probabilities };
  }

  #desk = () => ({
    groups: () => this.groups(),
    table: this.table,
    rows: this.rows,
    runs: this.#runs,
    compute: this.compute,
    folder: this.folder,
    workspaceFolder: this.workspaceFolder,
    onRun: (run: Run) => this.#events.emit('event', { type: 'run', run }),
  });

  #count(column: string): number {
    return this.table.columns().find(({ name }) => name === column)?.count ?? 0;
  }

  // --- the journal ---

  edit(choice: Choice, change: Change): Edited {
    const where = 'where' in choice ? choice.where : undefined;
    const told = withReason(change, where);
    const ids = choose(
      choice,
      () => this.table.samples(),
      () => this.source(),
    );
    const marks = ids.map((id) => {
      const before = this.table.marks(id);
      if (!before) throw new WinnowError('no-samples', `There is no sample ${id} in this folder.`);
      return [id, patchOf(before, told)] as const;
    });
    return this.#edit({ do: 'edit', change: told, where }, { marks }, (changed) =>
      titleOf(told, whatOf(changed, this.table.pathOf)),
    );
  }

  setThreshold({ check, threshold }: z.infer<typeof thresholdSchema>): Edited {
    return this.#edit(
      { do: 'threshold', check, threshold },
      { settings: [[this.#quality.keyOf(check), threshold]] },
      () =>
        threshold === null ? `threshold of ${check} back to its default` : `threshold of ${check} at ${threshold}`,
    );
  }

  saveView(view: z.infer<typeof viewSchema>): Edited {
    if (view.where) predicateOf(view.where, this.source());
    return this.#edit(
      { do: 'view', view },
      { settings: [[settingKey('view', view.name), view]] },
      () => `save the view ‘${view.name}’`,
    );
  }

  removeView(name: string): Edited {
    if (!this.views().some((view) => view.name === name))
      throw new WinnowError('bad-request', `There is no view ‘${name}’.`);
    return this.#edit(
      { do: 'remove-view', name },
      { settings: [[settingKey('view', name), null]] },
      () => `remove the view ‘${name}’`,
    );
  }

  setApart(ids: readonly number[]): Edited {
    const samples = ids.flatMap((id) => this.table.sample(id) ?? []);
    if (samples.length < 2)
      throw new WinnowError('bad-request', 'Name at least two images that are not duplicates of each other.');
    return this.#edit(
      { do: 'apart', paths: samples.map(({ path }) => path) },
      { settings: [apartSetting(samples)] },
      () => `${plural(samples.length, 'image')} are no duplicates`,
    );
  }

  keepBest(request: KeepBest): Edited {
    const sharpness =
      this.table.resolveColumn('sharpness') === null ? new Float64Array() : this.table.values('sharpness');
    const samples = new Map(this.table.samples().map((sample) => [sample.id, sample]));
    const groups = this.groups().filter(
      ({ id, kind }) => request.kinds.includes(kind) && (request.groups?.includes(id) ?? true),
    );
    const rejects = rejectsOf(groups, (id) => samples.get(id), {
      rule: request.rule,
      protectedFolder: request.protectedFolder,
      sharpness,
    });
    const marks = [...rejects].map(
      ([id, { kept, kind }]) =>
        [id, { decision: 'reject', reason: `${kind} duplicate of ${samples.get(kept)?.path}` }] as const,
    );
    return this.#edit(
      { do: 'keep-best', request },
      { marks },
      (changed) => `keep the ${request.rule} of duplicates: reject ${whatOf(changed, this.table.pathOf)}`,
    );
  }

  acceptLabels(ids: readonly number[]): Edited {
    const suspects = this.#suspects(ids);
    const marks = suspects.map(({ sampleId, suggested }) => [sampleId, { label: suggested }] as const);
    return this.#edit(
      { do: 'accept-labels', paths: suspects.flatMap(({ sampleId }) => this.table.pathOf(sampleId) ?? []) },
      { marks },
      (changed) => `accept the suggested class of ${whatOf(changed, this.table.pathOf)}`,
    );
  }

  confirmLabels(ids: readonly number[]): Edited {
    const samples = this.#suspects(ids).flatMap(({ sampleId, given }) => {
      const sample = this.table.sample(sampleId);
      return sample ? [{ ...sample, given }] : [];
    });
    return this.#edit(
      { do: 'confirm-labels', paths: samples.map(({ path }) => path) },
      { settings: samples.map((sample) => [confirmedKey(sample, sample.given), true] as const) },
      () => `the class of ${samples.length === 1 ? samples[0].path : plural(samples.length, 'image')} is right`,
    );
  }

  /** Those of these that wait in the queue. Throws `bad-request` where none does. */
  #suspects(ids: readonly number[]): LabelSuspect[] {
    const wanted = new Set(ids);
    const suspects = this.labelQueue()?.suspects.filter(({ sampleId }) => wanted.has(sampleId)) ?? [];
    if (!suspects.length)
      throw new WinnowError(
        'bad-request',
        'None of these images waits among the suspect labels. Judge the labels first.',
      );
    return suspects;
  }

  undo(): Edited {
    return this.#told(this.#journal.undo());
  }

  redo(): Edited {
    return this.#told(this.#journal.redo());
  }

  history(limit: number): Entry[] {
    return this.#journal
      .records(limit)
      .reverse()
      .map((record) => ({
        seq: record.seq,
        atMs: record.at,
        title: record.title,
        undone: record.undone,
        changed: record.changes.marks.length + record.changes.settings.length,
        command: commandOf(record, this.folder, this.table.pathOf),
      }));
  }

  script(): string {
    const records = this.#journal.records(undefined, true);
    return scriptOf(records, this.folder, this.table.pathOf, this.#journal.strays(records));
  }

  async import({ file, dryRun }: z.infer<typeof importSchema>) {
    const { result, marks } = await this.#imports.read(file, () => this.table.samples());
    if (dryRun || !marks.length) return result;
    const { changed } = this.#edit(
      { do: 'import', file },
      { marks },
      (ids) => `import marks of ${whatOf(ids, this.table.pathOf)}`,
    );
    return { ...result, changed };
  }

  #edit(action: Action, edit: Edit, title: (changed: readonly number[]) => string): Edited {
    let told = '';
    const changed = this.#journal.edit(action, edit, (ids) => (told = title(ids)));
    return this.#told({ changed, title: told });
  }

  #told(result: { changed: number; title: string }): Edited {
    this.#tellChanged();
    return { ...result, journal: this.#journal.state() };
  }

  /** What expressions read. */
  source(): ReadSource {
    return {
      columns: this.table.columns(),
      values: this.table.values,
      checks: this.checks(),
      duplicates: this.#groups.kinds(),
    };
  }

  // --- export ---

  planExport = (request: ExportRequest) => planExport(this.#exportInput(request), request);

  export(request: ExportRequest): Job {
    return this.#jobs.start('export', 'Export', async (report, jobId) => {
      const result = await exportSet(this.#exportInput(request), request, report);
      const listed = new Set(this.#jobs.list().map(({ id }) => id));
      for (const id of this.#exports.keys()) if (!listed.has(id)) this.#exports.delete(id);
      this.#exports.set(jobId, result);
      this.#journal.note({ do: 'export', request }, `export to ${result.to}`);
      return `${plural(result.copied, 'image')} exported to ${result.to}${result.trashed ? `, ${plural(result.trashed, 'original')} moved to the trash` : ''}${result.failed.length ? `, ${plural(result.failed.length, 'file')} could not be exported` : ''}`;
    });
  }

  exportResult = (jobId: number) => this.#exports.get(jobId) ?? null;

  #exportInput({ drop }: ExportRequest): ExportInput {
    return exportInput(this.folder, this.table, {
      isDropped: drop ? predicateOf(drop, this.source()) : () => false,
      runs: this.runs(),
      groups: this.groups(),
      checks: this.checks(),
    });
  }

  async *events(signal: AbortSignal): AsyncGenerator<WorkspaceEvent> {
    const changes = on(this.#events, 'event', { signal });
    try {
      yield this.#changed();
      for (const job of this.#jobs.list()) yield { type: 'job', job };
      for await (const [event] of changes) yield event as WorkspaceEvent;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Ends all work and closes the file. */
  async close() {
    this.#imports.close();
    await this.#jobs.close();
    await this.#file.close();
    this.table.release();
  }

  #changed = (): WorkspaceEvent => ({ type: 'changed', revision: this.table.revision, journal: this.#journal.state() });
  #tellChanged = () => this.#events.emit('event', this.#changed());
}

function scanSentence({ found, read, unreadable, gone }: ScanSummary): string {
  const parts = [`${plural(found, 'image file')}`, `${read.toLocaleString('en')} read`];
  if (unreadable) parts.push(`${unreadable.toLocaleString('en')} unreadable`);
  if (gone) parts.push(`${gone.toLocaleString('en')} gone`);
  return parts.join(', ');
}

/** An open folder: its table, journal, runs and jobs behind the contract's calls. The folder itself is only ever read. */
import { EventEmitter, on } from 'node:events';
import { join } from 'node:path';
import type { Compute } from '../compute/child.ts';
import { WinnowError } from '../contract/errors.ts';
import { globToRegExp, parseExpression } from '../contract/expression.ts';
import type { Choice, ExportRequest, RankRequest } from '../contract/schemas.ts';
import type { WorkspaceService } from '../contract/services.ts';
import type { Decision, ExportResult, Job, Run, Sample, Workspace, WorkspaceEvent } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { exportFolder, planFolderExport, type ExportInput } from '../export/folder.ts';
import { Database } from './database.ts';
import { isInside } from './files.ts';
import { Jobs } from './jobs.ts';
import { Journal } from './journal.ts';
import { writeMaps } from './maps.ts';
import { checkRank, rank } from './rank.ts';
import { Runs } from './runs.ts';
import { scan, type ScanSummary } from './scan.ts';
import { Table } from './table.ts';

export class OpenWorkspace implements WorkspaceService {
  readonly id: string;
  readonly folder: string;
  readonly workspaceFolder: string;
  readonly table: Table;
  readonly compute: Compute;
  readonly db: Database;
  #journal: Journal;
  #runs: Runs;
  #jobs: Jobs;
  #exports = new Map<number, ExportResult>();
  #events = new EventEmitter<{ event: [WorkspaceEvent] }>().setMaxListeners(0);

  constructor(id: string, folder: string, workspaceFolder: string, compute: Compute) {
    this.id = id;
    this.folder = folder;
    this.workspaceFolder = workspaceFolder;
    this.compute = compute;
    this.db = new Database(join(workspaceFolder, 'workspace.sqlite'));
    this.table = new Table(this.db);
    this.#journal = new Journal(this.db, this.table);
    this.#runs = new Runs(this.db);
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
      id: this.id, folder: this.folder, name: this.folder.split(/[\\/]/).filter(Boolean).at(-1) ?? this.folder, ...this.table.count(),
      scannedAt: scannedAt === null ? null : Number(scannedAt), revision: this.table.revision, journal: this.#journal.state(),
    };
  }

  changes = (since: number, limit: number) => this.table.changes(since, limit);
  columns = () => this.table.columns();
  issues = () => this.table.issues();
  runs = () => this.#runs.list();
  run = (id: string): Run => this.#runs.get(id);
  jobs = () => this.#jobs.list();
  cancel = (jobId: number) => this.#jobs.cancel(jobId);

  scan(): Job {
    return this.#jobs.start('scan', 'Scan', async (report) => scanSentence(await scan(this.folder, this.workspaceFolder, this.table, report)));
  }

  rank(request: RankRequest): Job {
    const { record } = checkRank(request);
    if (request.maps && isInside(this.folder, request.maps)) {
      throw new WinnowError('target-inside-source', 'The folder for maps lies inside the opened folder, which is never written to.');
    }
    return this.#jobs.start('rank', `Rank with ${record.title}`, async (report) => {
      await scan(this.folder, this.workspaceFolder, this.table, report);
      const run = await rank({
        db: this.db, table: this.table, runs: this.#runs, compute: this.compute, folder: this.folder, workspaceFolder: this.workspaceFolder,
        onRun: (changed) => this.#events.emit('event', { type: 'run', run: changed }),
      }, request, report);
      if (request.maps) await writeMaps(this, run, request.maps, report);
      return `${run.id}: ${plural(this.table.values(run.column).size, 'image')} ranked`;
    });
  }

  decide(choice: Choice, decision: Decision | null) {
    const changed = this.#journal.decide(this.#choose(choice), decision);
    this.#tellChanged();
    return { changed, journal: this.#journal.state() };
  }

  undo() {
    const result = this.#journal.undo();
    this.#tellChanged();
    return { ...result, journal: this.#journal.state() };
  }

  redo() {
    const result = this.#journal.redo();
    this.#tellChanged();
    return { ...result, journal: this.#journal.state() };
  }

  planExport = (request: ExportRequest) => planFolderExport(this.#exportInput(request));

  export(request: ExportRequest): Job {
    return this.#jobs.start('export', 'Export', async (report, jobId) => {
      const result = await exportFolder(this.#exportInput(request), report);
      this.#exports.set(jobId, result);
      return `${plural(result.copied, 'image')} exported to ${result.to}${result.failed.length ? `, ${plural(result.failed.length, 'file')} could not be copied` : ''}`;
    });
  }

  exportResult = (jobId: number) => this.#exports.get(jobId) ?? null;

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
    await this.#jobs.close();
    this.db.close();
  }

  #exportInput({ to, drop }: ExportRequest): ExportInput {
    const samples = this.table.samples();
    const read = this.table.reader();
    const predicate = drop ? parseExpression(drop, this.table.hasColumn) : null;
    const scores = this.table.columns().filter((column) => column.runId !== null).map((column) => [column.name, this.table.values(column.name)] as const);
    return { folder: this.folder, to, samples, isDropped: (sample) => predicate?.(read(sample)) ?? false, unreadable: this.table.count().issues, scores: new Map(scores) };
  }

  #choose(choice: Choice): number[] {
    if ('ids' in choice) return choice.ids;
    const samples = this.table.samples();
    if ('where' in choice) {
      const predicate = parseExpression(choice.where, this.table.hasColumn);
      const read = this.table.reader();
      return samples.filter((sample) => predicate(read(sample))).map((sample) => sample.id);
    }
    const chosen = new Set<number>();
    for (const wanted of choice.paths) {
      const found = byPath(samples, wanted.replace(/^\.\//, ''));
      if (!found.length) throw new WinnowError('no-samples', `No image of this folder is ‘${wanted}’. Paths are relative to the folder.`);
      for (const sample of found) chosen.add(sample.id);
    }
    return [...chosen];
  }

  #changed = (): WorkspaceEvent => ({ type: 'changed', revision: this.table.revision, journal: this.#journal.state() });
  #tellChanged = () => this.#events.emit('event', this.#changed());
}

/** A path itself, or a glob when no file has that very name. */
function byPath(samples: readonly Sample[], wanted: string): Sample[] {
  const exact = samples.find((sample) => sample.path === wanted);
  if (exact) return [exact];
  if (!/[*?]/.test(wanted)) return [];
  const pattern = globToRegExp(wanted);
  return samples.filter((sample) => pattern.test(sample.path));
}

function scanSentence({ found, read, unreadable, gone }: ScanSummary): string {
  const parts = [`${plural(found, 'image file')}`, `${read.toLocaleString('en')} read`];
  if (unreadable) parts.push(`${unreadable.toLocaleString('en')} unreadable`);
  if (gone) parts.push(`${gone.toLocaleString('en')} gone`);
  return parts.join(', ');
}

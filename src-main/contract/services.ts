/** What the engine must be able to do for the contract to keep its promises. The engine implements these; the contract imports nothing of it. */
import type { Choice, ExportRequest, RankRequest } from './schemas.ts';
import type {
  Backend, Changes, Column, Component, Decision, EngineInfo, ExportPlan, ExportResult, FolderEntry, Issue, Job, Journal, Method, Run, Workspace, WorkspaceEvent,
} from './types.ts';

export interface EngineService {
  info(): EngineInfo;
  /** Starts the compute process where it does not run yet. */
  backend(): Promise<Backend>;
  doctor(): Promise<Component[]>;
  methods(): Method[];
  /** Opens the folder's workspace, or finds the engine that has it open. */
  open(request: { folder: string; workspace?: string }): Promise<{ id: string; folder: string }>;
  listFolders(path: string | null): Promise<{ path: string; parent: string | null; folders: FolderEntry[] }>;
}

export interface WorkspaceService {
  describe(): Workspace;
  changes(since: number, limit: number): Changes;
  columns(): Column[];
  issues(): Issue[];
  runs(): Run[];
  run(id: string): Run;
  jobs(): Job[];
  cancel(jobId: number): void;
  scan(): Job;
  rank(request: RankRequest): Job;
  decide(choice: Choice, decision: Decision | null): { changed: number; journal: Journal };
  undo(): { changed: number; title: string; journal: Journal };
  redo(): { changed: number; title: string; journal: Journal };
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

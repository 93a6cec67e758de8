/** Records of runs: settings, curves and results. Each is fetched when the page reads it, and again when the run's summary has changed. */
import type { Run, RunSummary } from '../../src-main/contract/types.ts';

/** The number of most recently read runs that are kept. */
const maxKept = 20;

interface Kept {
  version: number;
  run: Run | null;
  isFetching: boolean;
}

export class RunRecords {
  #fetch: (id: string) => Promise<Run>;
  #onError: (error: unknown) => void;
  #kept = new Map<string, Kept>();
  #arrived = $state(0);

  constructor(fetch: (id: string) => Promise<Run>, onError: (error: unknown) => void) {
    this.#fetch = fetch;
    this.#onError = onError;
  }

  /** The latest fetched record of the run; null until it arrives. Reading subscribes to changes. */
  of(summary: RunSummary): Run | null {
    void this.#arrived;
    const kept = this.#kept.get(summary.id) ?? { version: -1, run: null, isFetching: false };
    this.#kept.delete(summary.id);
    this.#kept.set(summary.id, kept);
    for (const oldest of [...this.#kept.keys()].slice(0, -maxKept)) this.#kept.delete(oldest);
    if (kept.version !== summary.version && !kept.isFetching) void this.#load(summary, kept);
    return kept.run;
  }

  clear() {
    this.#kept.clear();
  }

  async #load({ id, version }: RunSummary, kept: Kept) {
    kept.isFetching = true;
    try {
      kept.run = await this.#fetch(id);
    } catch (error) {
      this.#onError(error);
    }
    kept.version = version; // a record that could not be fetched is requested again only when it changes
    kept.isFetching = false;
    this.#arrived++;
  }
}

/** The listed runs. An event may have reported a change of one before the list has arrived: then that is newer. */
export function newestOf(before: readonly RunSummary[], listed: readonly RunSummary[]): RunSummary[] {
  const known = new Map(before.map((run) => [run.id, run]));
  return listed.map((run) => {
    const own = known.get(run.id);
    return own && own.version > run.version ? own : run;
  });
}

/** Error maps of images by a run, as the engine computes them. The last few are kept, so that panes and the loupe share them. */
import { errorMapPath } from '../../src-main/contract/address.ts';
import type { RunSummary, Sample } from '../../src-main/contract/types.ts';

export interface ErrorMap {
  rows: number;
  columns: number;
  values: Float32Array; // [rows, columns], over the whole image
}

interface Kept {
  map: ErrorMap | null;
  /** Why there is no map. */
  problem: string | null;
}

const maxKept = 12;
const waiting: Kept = { map: null, problem: null };

class ErrorMaps {
  #kept = new Map<string, Kept>();
  #version = $state(0);
  /** The only request that is under way: while stepping through images, those of earlier images are dropped. */
  #request: { url: string; stop: AbortController } | null = null;

  /** Both null until the map arrives. Reading subscribes to changes. */
  of(workspaceId: string, run: RunSummary, { id, sha256 }: Sample): Kept {
    void this.#version;
    const url = errorMapPath(workspaceId, run.id, id);
    const key = `${url} ${run.createdAt} ${sha256}`;
    const kept = this.#kept.get(key);
    if (!kept && this.#request?.url !== url) void this.#fetch(url, key);
    return kept ?? waiting;
  }

  async #fetch(url: string, key: string) {
    this.#request?.stop.abort();
    const request = (this.#request = { url, stop: new AbortController() });
    let kept: Kept;
    try {
      const answer = await fetch(url, { signal: request.stop.signal });
      if (!answer.ok) throw new Error(((await answer.json()) as { message: string }).message);
      const numbers = new Float32Array(await answer.arrayBuffer());
      kept = { map: { columns: numbers[0], rows: numbers[1], values: numbers.subarray(2) }, problem: null };
    } catch (error) {
      kept = { map: null, problem: (error as Error).message };
    }
    if (request.stop.signal.aborted) return;
    this.#request = null;
    this.#kept.set(key, kept);
    for (const oldest of [...this.#kept.keys()].slice(0, -maxKept)) this.#kept.delete(oldest);
    this.#version++;
  }
}

export const errorMaps = new ErrorMaps();

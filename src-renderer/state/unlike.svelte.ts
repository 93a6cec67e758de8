/** What a place of the shown image is unlike: the place that was asked for last, and the nearest normal patch to it. */
import type { Box, Place, Unlike } from '../../src-main/contract/unlike.ts';
import { messageOf, type Calls } from '../lib/engine.ts';

/** The pointer has come to rest, and stepping through images has stopped. */
const restMs = 150;

export class UnlikeState {
  readonly #calls: Pick<Calls, 'runs'>;
  /** What was answered last; kept while the next answer is awaited. */
  found = $state.raw<Unlike | null>(null);
  problem = $state.raw<string | null>(null);
  #stop: AbortController | null = null;

  constructor(calls: Pick<Calls, 'runs'>) {
    this.#calls = calls;
  }

  /** Forgets the answer and the request that is under way. */
  clear() {
    this.#stop?.abort();
    this.found = this.problem = null;
  }

  /** `at` null: where the error map is highest. A later request replaces an earlier one. */
  async ask(runId: string, sampleId: number, at: Place | null) {
    this.#stop?.abort();
    if (at && this.found && isInside(this.found.here, at)) return;
    const { signal } = (this.#stop = new AbortController());
    await new Promise((resolve) => setTimeout(resolve, restMs));
    if (signal.aborted) return;
    try {
      const found = await this.#calls.runs.unlike.query({ runId, sampleId, at }, { signal });
      if (!signal.aborted) [this.found, this.problem] = [found, null];
    } catch (error) {
      if (!signal.aborted) [this.found, this.problem] = [null, messageOf(error)];
    }
  }
}

const isInside = ({ x, y, width, height }: Box, at: Place): boolean =>
  at.x >= x && at.x < x + width && at.y >= y && at.y < y + height;

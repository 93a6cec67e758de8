/** The ideal image of a unit or class while gradient ascent makes it: shown as it climbs, and cancelled when another is started. */
import type { Arrays } from '../../src-main/contract/arrays.ts';
import type { Maximised } from '../../src-main/contract/inside.ts';
import type { InsideRequest } from '../../src-main/contract/inside-procedures.ts';
import { messageOf } from '../lib/engine.ts';
import { callInside } from '../lib/inside.ts';

export class Maximising {
  readonly #workspaceId: string;
  /** The image so far, or the finished one. */
  made = $state.raw<Arrays<Maximised> | null>(null);
  /** What it is the image of. */
  title = $state.raw<string | null>(null);
  problem = $state.raw<string | null>(null);
  isClimbing = $state(false);
  seed = $state(1);
  #stop: AbortController | null = null;

  constructor(workspaceId: string) {
    this.#workspaceId = workspaceId;
  }

  cancel() {
    this.#stop?.abort();
    this.isClimbing = false;
  }

  async start(title: string, request: Omit<InsideRequest<'maximise'>, 'seed'>) {
    this.cancel();
    const { signal } = (this.#stop = new AbortController());
    [this.made, this.title, this.problem, this.isClimbing] = [null, title, null, true];
    try {
      const made = await callInside(
        this.#workspaceId,
        'maximise',
        { ...request, seed: this.seed },
        { signal, onEvent: (header, arrays) => !signal.aborted && (this.made = { header, arrays }) },
      );
      if (!signal.aborted) this.made = made;
    } catch (error) {
      if (!signal.aborted) [this.made, this.problem] = [null, messageOf(error)];
    } finally {
      if (!signal.aborted) this.isClimbing = false;
    }
  }
}

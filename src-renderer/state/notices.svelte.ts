/** Short messages that come and go: what was done, what failed and what to do. */
import { sentenceOf } from '../lib/engine.ts';

export interface Notice { id: number; kind: 'done' | 'info' | 'error'; text: string }

const shownMs = { done: 5000, info: 3000, error: 12_000 };

class Notices {
  list = $state.raw<readonly Notice[]>([]);
  #next = 0;

  add(kind: Notice['kind'], text: string) {
    const notice = { id: this.#next++, kind, text };
    // Of what is merely told, the last is enough.
    this.list = [...this.list.filter((other) => kind !== 'info' || other.kind !== 'info').slice(-3), notice];
    setTimeout(() => this.dismiss(notice.id), shownMs[kind]);
  }

  fail(error: unknown) {
    this.add('error', sentenceOf(error));
  }

  dismiss(id: number) {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}

export const notices = new Notices();

/** Short temporary messages: what was done, what failed and what to do. */
import type { Job } from '../../src-main/contract/types.ts';
import { messageOf } from '../lib/engine.ts';

export interface Notice {
  id: number;
  kind: 'done' | 'info' | 'error';
  text: string;
  stays: boolean;
}

const shownMs = { done: 5000, info: 3000, error: 12_000 };

class Notices {
  list = $state.raw<readonly Notice[]>([]);
  #next = 0;

  /** `stays`: until the user dismisses it. The same message is shown once. */
  add(kind: Notice['kind'], text: string, { stays = false } = {}) {
    const notice = { id: this.#next++, kind, text, stays };
    // Only the last information is kept.
    const others = this.list.filter((other) => other.text !== text && (kind !== 'info' || other.kind !== 'info'));
    this.list = [...others.filter((other, i) => other.stays || i >= others.length - 3), notice];
    if (!stays) setTimeout(() => this.dismiss(notice.id), shownMs[kind]);
  }

  fail(error: unknown) {
    this.add('error', messageOf(error));
  }

  dismiss(id: number) {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}

export const notices = new Notices();

/** What a person should know about the end of a job. */
export function announceEnd({ kind, state, title, summary, error }: Job) {
  if (state === 'failed' && error) notices.add('error', `${title}: ${error.message}`);
  // A search is paused by ending its job.
  if (state === 'cancelled') notices.add('info', kind === 'search' ? `${title} paused.` : `${title} cancelled.`);
  if (state === 'done' && kind !== 'scan' && summary) notices.add('done', `${summary}.`);
}

/** What a person says about a run: its name, a note, and whether it is pinned. A setting of the run, so that the journal can undo it. */
import type { z } from 'zod';
import type { describeRunSchema } from '../contract/schemas.ts';
import type { RunSummary } from '../contract/types.ts';
import type { Action, Edit } from './journal.ts';
import { settingKey, type RunDescription } from './settings.ts';

type Request = z.output<typeof describeRunSchema>;

/** The step that makes the described changes. Only what differs is in its action, so that each part of its command is one step. */
export function describeRun(
  { title, note, pinned }: Pick<RunSummary, keyof RunDescription>,
  { id, ...wanted }: Request,
): { action: Action; edit: Edit; title: string } {
  const now: RunDescription = { title, note, pinned };
  const names = (['title', 'note', 'pinned'] as const).filter(
    (name) => wanted[name] !== undefined && wanted[name] !== now[name],
  );
  const changes = Object.fromEntries(names.map((name) => [name, wanted[name]])) as Partial<RunDescription>;
  const after: RunDescription = { ...now, ...changes };
  const isPlain = after.title === null && after.note === null && !after.pinned;
  return {
    action: { do: 'describe-run', run: id, ...changes },
    edit: { settings: names.length ? [[settingKey('run-words', id), isPlain ? null : after]] : [] },
    title: titleOf(id, changes),
  };
}

function titleOf(id: string, { title, note, pinned }: Partial<RunDescription>): string {
  const parts: string[] = [];
  if (title !== undefined) parts.push(title === null ? `remove the name of ${id}` : `name ${id} ‘${title}’`);
  if (note !== undefined) parts.push(note === null ? `remove the note of ${id}` : `add a note to ${id}`);
  if (pinned !== undefined) parts.push(`${pinned ? 'pin' : 'unpin'} ${id}`);
  return parts.join(', ');
}

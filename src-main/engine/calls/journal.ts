/** The journal: marks of samples, undo and redo, the history and the script that repeats it. */
import { WinnowError } from '../../contract/errors.ts';
import { patchOf } from '../../contract/marks.ts';
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { commandOf, scriptOf } from '../../workspace/commands.ts';
import { describeImages, selectSamples, titleOf, withReason } from '../../workspace/edits.ts';
import { readSource } from '../../workspace/read-source.ts';
import type { CallContext } from './context.ts';

export function journalCalls(context: CallContext) {
  const { folder, table, journal } = context;
  return {
    edit({ choice, change: requested }) {
      const where = 'where' in choice ? choice.where : undefined;
      const change = withReason(requested, where);
      const ids = selectSamples(
        choice,
        () => table.samples(),
        () => readSource(context),
      );
      const marks = ids.map((id) => {
        const before = table.marks(id);
        if (!before) throw new WinnowError('no-samples', `There is no sample ${id} in this folder.`);
        return [id, patchOf(before, change)] as const;
      });
      return context.edit({ do: 'edit', change, where }, { marks }, (changed) =>
        titleOf(change, describeImages(changed, table.pathOf)),
      );
    },
    undo: () => context.edited(journal.undo()),
    redo: () => context.edited(journal.redo()),
    history: ({ limit }) =>
      journal
        .entries(limit)
        .reverse()
        .map((entry) => ({
          seq: entry.seq,
          atMs: entry.at,
          title: entry.title,
          undone: entry.undone,
          changed: entry.changes.marks.length + entry.changes.settings.length,
          command: commandOf(entry, folder, table.pathOf),
        })),
    script() {
      const entries = journal.entries(undefined, true);
      return scriptOf(entries, folder, table.pathOf, journal.inconsistent(entries));
    },
  } satisfies WorkspaceCalls['journal'];
}

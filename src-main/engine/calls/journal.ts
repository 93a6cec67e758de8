/** The journal: marks of samples, undo and redo, the history and the script that repeats it. */
import { WinnowError } from '../../contract/errors.ts';
import { patchOf } from '../../contract/marks.ts';
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { commandOf, scriptOf } from '../../workspace/commands.ts';
import { choose, titleOf, whatOf, withReason } from '../../workspace/edits.ts';
import { readSource } from '../../workspace/read-source.ts';
import type { CallContext } from './context.ts';

export function journalCalls(context: CallContext) {
  const { folder, table, journal } = context;
  return {
    edit({ choice, change: requested }) {
      const where = 'where' in choice ? choice.where : undefined;
      const change = withReason(requested, where);
      const ids = choose(
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
        titleOf(change, whatOf(changed, table.pathOf)),
      );
    },
    undo: () => context.edited(journal.undo()),
    redo: () => context.edited(journal.redo()),
    history: ({ limit }) =>
      journal
        .records(limit)
        .reverse()
        .map((record) => ({
          seq: record.seq,
          atMs: record.at,
          title: record.title,
          undone: record.undone,
          changed: record.changes.marks.length + record.changes.settings.length,
          command: commandOf(record, folder, table.pathOf),
        })),
    script() {
      const records = journal.records(undefined, true);
      return scriptOf(records, folder, table.pathOf, journal.strays(records));
    },
  } satisfies WorkspaceCalls['journal'];
}

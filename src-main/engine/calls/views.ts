/** Saved views: a named filter with an order. */
import { WinnowError } from '../../contract/errors.ts';
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { predicateOf } from '../../contract/read.ts';
import type { SavedView } from '../../contract/types.ts';
import { readSource } from '../../workspace/read-source.ts';
import { settingKey } from '../../workspace/settings.ts';
import type { CallContext } from './context.ts';

export function viewCalls(context: CallContext) {
  const list = () => context.settings.all<SavedView>('view').map(([, view]) => view);
  return {
    list,
    save(view) {
      if (view.where) predicateOf(view.where, readSource(context));
      return context.edit(
        { do: 'view', view },
        { settings: [[settingKey('view', view.name), view]] },
        () => `save the view ‘${view.name}’`,
      );
    },
    remove({ name }) {
      if (!list().some((view) => view.name === name))
        throw new WinnowError('bad-request', `There is no view ‘${name}’.`);
      return context.edit(
        { do: 'remove-view', name },
        { settings: [[settingKey('view', name), null]] },
        () => `remove the view ‘${name}’`,
      );
    },
  } satisfies WorkspaceCalls['views'];
}

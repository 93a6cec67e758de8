/** Groups of duplicates: marking them as not duplicates, and keeping the best of each. */
import { WinnowError } from '../../contract/errors.ts';
import { isCopies, rejectsOf } from '../../contract/keep-best.ts';
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { plural } from '../../contract/words.ts';
import { notDuplicatesSetting } from '../../workspace/not-duplicates.ts';
import { describeImages } from '../../workspace/edits.ts';
import type { CallContext } from './context.ts';

export const duplicateCalls = ({ table, groups, edit }: CallContext) =>
  ({
    groups: () => groups.list(),
    markNotDuplicates({ ids }) {
      const samples = ids.flatMap((id) => table.sample(id) ?? []);
      if (samples.length < 2)
        throw new WinnowError('bad-request', 'Name at least two images that are not duplicates of each other.');
      return edit(
        { do: 'apart', paths: samples.map(({ path }) => path) },
        { settings: [notDuplicatesSetting(samples)] },
        () => `mark ${plural(samples.length, 'image')} as not duplicates`,
      );
    },
    keepBest(request) {
      const sharpness = table.resolveColumn('sharpness') === null ? new Float64Array() : table.values('sharpness');
      const samples = new Map(table.samples().map((sample) => [sample.id, sample]));
      const wanted = groups
        .list()
        .filter(
          (group) => request.kinds.includes(group.kind) && (request.groups?.includes(group.id) ?? isCopies(group)),
        );
      const rejects = rejectsOf(wanted, (id) => samples.get(id), {
        rule: request.rule,
        protectedFolder: request.protectedFolder,
        sharpness,
      });
      const marks = [...rejects].map(
        ([id, { kept, kind }]) =>
          [id, { decision: 'reject', reason: `${kind} duplicate of ${samples.get(kept)?.path}` }] as const,
      );
      return edit(
        { do: 'keep-best', request },
        { marks },
        (changed) => `keep the ${request.rule} duplicate: reject ${describeImages(changed, table.pathOf)}`,
      );
    },
  }) satisfies WorkspaceCalls['duplicates'];

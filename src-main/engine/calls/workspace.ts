/** The open folder: its description, its events, and jobs on all images. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { classRuleWords } from '../../contract/folder-classes.ts';
import { describeImages } from '../../workspace/edits.ts';
import { classRuleKey } from '../../workspace/folder-places.ts';
import { mapJob } from '../../jobs/map.ts';
import { rankJob, rememberedTrainOn } from '../../jobs/rank.ts';
import { scoreJob } from '../../jobs/score.ts';
import { leftOutFolders, scanJob } from '../../jobs/scan.ts';
import { folderRendering } from '../../image/rendering.ts';
import type { CallContext } from './context.ts';

export const workspaceCalls = (context: CallContext) =>
  ({
    describe() {
      const { id, key, folder, table, journal } = context;
      const scannedAt = table.meta('scannedAt');
      return {
        id,
        key,
        folder,
        name: folder.split(/[\\/]/).filter(Boolean).at(-1) ?? folder,
        ...table.count(),
        scannedAt: scannedAt === null ? null : Number(scannedAt),
        revision: table.revision,
        shape: table.shape,
        trainOn: rememberedTrainOn(table),
        classes: table.places.choice(),
        leftOut: leftOutFolders(table),
        plane: folderRendering(folder).plane,
        journal: journal.state(),
      };
    },
    events: (signal) => context.events(signal),
    scan: () => context.jobs.queued('scan') ?? context.start(scanJob, {}),
    setPlane: (plane) => context.start(scanJob, { plane }),
    setClasses: ({ by }) =>
      context.edit({ do: 'classes', by }, { settings: [[classRuleKey, by === 'auto' ? null : by]] }, () =>
        by === 'auto' ? 'choose classes automatically' : `take classes from ${classRuleWords[by]}`,
      ),
    rank: (request) => context.start(rankJob, request),
    score: (request) => context.start(scoreJob, request),
    map: (request) => context.start(mapJob, request),
    async import({ file, dryRun }) {
      const { result, marks } = await context.imports.read('marks', file, () => context.table.samples());
      if (dryRun || !marks.length) return result;
      const { changed } = context.edit(
        { do: 'import', file },
        { marks },
        (ids) => `import marks of ${describeImages(ids, context.table.pathOf)}`,
      );
      return { ...result, changed };
    },
  }) satisfies WorkspaceCalls['workspace'];

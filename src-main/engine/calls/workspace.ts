/** The open folder: its description, its events, and jobs on all images. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { describeImages } from '../../workspace/edits.ts';
import { mapJob } from '../../jobs/map.ts';
import { rankJob, rememberedTrainOn } from '../../jobs/rank.ts';
import { scoreJob } from '../../jobs/score.ts';
import { scanJob } from '../../jobs/scan.ts';
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
        journal: journal.state(),
      };
    },
    events: (signal) => context.events(signal),
    scan: () => context.jobs.queued('scan') ?? context.start(scanJob, undefined),
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

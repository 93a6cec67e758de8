/** The runs of a workspace: listing, viewing, describing, comparing, archiving, deleting. */
import { WinnowError } from '../../contract/errors.ts';
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import type { Edited, Run } from '../../contract/types.ts';
import { factsOf } from '../../contract/run-facts.ts';
import { ruleText } from '../../contract/threshold.ts';
import { compareRuns } from '../../jobs/compare-runs.ts';
import { mapFilesJob } from '../../jobs/map-files.ts';
import { unlikeOf } from '../../jobs/maps.ts';
import { Masks } from '../../jobs/masks.ts';
import { placedThreshold } from '../../workspace/placed-threshold.ts';
import { describeRun } from '../../workspace/describe-run.ts';
import { nameRuns, purgeRuns } from '../../workspace/purge-runs.ts';
import { commandOfRun } from '../../workspace/run-command.ts';
import { settingKey, type RunVisibility } from '../../workspace/settings.ts';
import type { CallContext } from './context.ts';

export function runCalls(context: CallContext) {
  const { table, runs } = context;
  const masks = new Masks();

  /** Sets the visibility of runs and of their parts; null lists them normally. */
  function put(
    verb: 'archive' | 'unarchive' | 'delete',
    ids: readonly string[],
    visibility: RunVisibility | null,
  ): Edited {
    const wanted = new Set(ids);
    for (const id of wanted) runs.summary(id); // throws if it does not exist
    const found = runs.list().filter(({ id, parent }) => wanted.has(id) || (parent !== null && wanted.has(parent)));
    const running = found.find(({ state }) => state === 'running');
    if (running) throw new WinnowError('bad-request', `${running.id} is running. Cancel it first.`);
    const all = found.map(({ id }) => id).reverse(); // oldest first
    return context.edit(
      { do: `${verb}-runs`, runs: all },
      { settings: all.map((id) => [settingKey('run', id), visibility] as const) },
      () => `${verb} ${nameRuns(all)}`,
    );
  }

  /** Throws `no-run`. */
  function rankingOf(id: string): Run {
    const run = runs.get(id);
    if (run.kind !== 'rank' || run.state !== 'done')
      throw new WinnowError('no-run', `${id} is not a finished ranking, so it has no threshold.`);
    return run;
  }

  return {
    list: () => runs.list(),
    get: ({ id }) => runs.get(id),
    settings: ({ ids }) => runs.records(ids).map(factsOf),
    threshold: ({ id, rule }) => placedThreshold(context, rankingOf(id), rule),
    setThreshold({ id, rule }) {
      rankingOf(id);
      return context.edit({ do: 'run-threshold', run: id, rule }, { settings: [[settingKey('rule', id), rule]] }, () =>
        rule ? `set the threshold of ${id} to ${ruleText(rule)}` : `reset the threshold of ${id}`,
      );
    },
    writeMaps: (request) => context.start(mapFilesJob, request),
    unlike: ({ runId, sampleId, at }) => unlikeOf(context, runs.get(runId), sampleId, at),
    describe(request) {
      const { action, edit, title } = describeRun(runs.summary(request.id), request);
      return context.edit(action, edit, () => title);
    },
    compare: ({ a, b }) => compareRuns(context, { masks, imports: context.imports }, runs.get(a), runs.get(b)),
    command: ({ id }) => commandOfRun(runs.get(id), context.folder),
    archive: ({ ids }) => put('archive', ids, 'archived'),
    unarchive: ({ ids }) => put('unarchive', ids, null),
    delete: ({ ids }) => put('delete', ids, 'deleted'),
    purge() {
      const purged = purgeRuns(context, Date.now());
      if (purged.runs.length) {
        table.compact();
        context.edited({ changed: 0, title: '' });
      }
      return purged;
    },
  } satisfies WorkspaceCalls['runs'];
}

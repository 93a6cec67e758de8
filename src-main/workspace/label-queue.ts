/** The queue of probable label errors: open suspects of the newest search, compared with the current labels. */
import type { LabelQueue, LabelSuspect } from '../contract/classifier.ts';
import type { Sample } from '../contract/types.ts';
import { unjudgedReasons, unjudgedSentence } from './label-evidence.ts';
import type { Runs } from './runs.ts';
import { settingKey, type Settings } from './settings.ts';
import type { Table } from './table.ts';

/** The setting that records that a person confirmed the class of this content. */
export const confirmedKey = ({ sha256 }: Pick<Sample, 'sha256'>, name: string): string =>
  settingKey('confirmed', `${sha256} ${name}`);

/** The newest run's suspects that are still open: not relabelled, not rejected, not confirmed. Lowest quality first. */
export function labelQueue(table: Table, settings: Settings, runs: Runs): LabelQueue | null {
  const run = runs.list().find(({ kind, state }) => kind === 'labels' && state === 'done');
  if (!run) return null;
  const columns = new Map(table.columns().map((column) => [column.name, column]));
  const column = (name: string) => `${run.id}.${name}`;
  const classes = columns.get(column('suggested'))?.categories;
  if (!classes) return null;
  const [quality, given, suggested, confidence, suspect, unjudged] = [
    'quality',
    'given',
    'suggested',
    'confidence',
    'suspect',
    'unjudged',
  ].map((name) => table.values(column(name)));
  const confirmed = new Set(settings.all('confirmed').map(([key]) => key));
  const suspects: LabelSuspect[] = [];
  let flagged = 0;
  const unknown = new Map<string, { class: string; why: number; ids: number[] }>();
  for (const sample of table.samples()) {
    const why = unjudged[sample.id];
    if (why >= 0 && sample.class !== null && sample.decision !== 'reject') {
      const was = given[sample.id] >= 0 ? classes[given[sample.id]] : null;
      if (was !== null && was !== sample.class) continue;
      const key = `${why} ${sample.class}`;
      const found = unknown.get(key);
      if (found) found.ids.push(sample.id);
      else unknown.set(key, { class: sample.class, why, ids: [sample.id] });
    }
    if (suspect[sample.id] !== 1) continue;
    flagged++;
    const was = classes[given[sample.id]];
    if (sample.class !== was || sample.decision === 'reject' || confirmed.has(`${sample.sha256} ${was}`)) continue;
    suspects.push({
      sampleId: sample.id,
      given: was,
      suggested: classes[suggested[sample.id]],
      quality: quality[sample.id],
      confidence: confidence[sample.id],
    });
  }
  suspects.sort((a, b) => a.quality - b.quality || a.sampleId - b.sampleId);
  return {
    runId: run.id,
    judged: Number(runs.get(run.id).report.judged ?? 0),
    flagged,
    suspects,
    unjudged: [...unknown.values()]
      .map(({ class: name, why, ids }) => ({
        class: name,
        ids,
        reason: unjudgedSentence(name, ids.length, unjudgedReasons[why]),
      }))
      .sort((a, b) => b.ids.length - a.ids.length || (a.class < b.class ? -1 : 1)),
  };
}

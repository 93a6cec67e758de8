/** The queue of probable label errors: open suspects of the newest search, compared with the current labels. */
import type { LabelQueue, LabelSuspect } from '../contract/classifier.ts';
import type { Sample } from '../contract/types.ts';
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
  const [quality, given, suggested, confidence, suspect] = [
    'quality',
    'given',
    'suggested',
    'confidence',
    'suspect',
  ].map((name) => table.values(column(name)));
  const confirmed = new Set(settings.all('confirmed').map(([key]) => key));
  const suspects: LabelSuspect[] = [];
  let flagged = 0;
  for (const sample of table.samples()) {
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
  return { runId: run.id, judged: Number(runs.get(run.id).report.judged ?? 0), flagged, suspects };
}

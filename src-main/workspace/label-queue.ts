/** The queue of probable label errors: open suspects of the newest search, compared with the current labels. */
import type { LabelQueue, LabelSuspect } from '../contract/classifier.ts';
import type { Run, Sample } from '../contract/types.ts';
import { settingKey, type Settings } from './settings.ts';
import type { Table } from './table.ts';

/** That a person said of this image, as it is, that its class is right. */
export const confirmedKey = ({ sha256 }: Pick<Sample, 'sha256'>, name: string): string =>
  settingKey('confirmed', `${sha256} ${name}`);

/** What of a run's suspects still stands: not labelled anew, not confirmed. The least of quality first. */
export function labelQueue(table: Table, settings: Settings, runs: readonly Run[]): LabelQueue | null {
  const run = runs.find(({ kind, state }) => kind === 'labels' && state === 'done');
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
  return { runId: run.id, judged: Number(run.report.judged ?? 0), flagged, suspects };
}

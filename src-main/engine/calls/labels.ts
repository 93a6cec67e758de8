/** Label errors: the search job, the queue of suspects, and accepting or confirming them. */
import type { LabelSuspect } from '../../contract/classifier.ts';
import { WinnowError } from '../../contract/errors.ts';
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { plural } from '../../contract/words.ts';
import { describeImages } from '../../workspace/edits.ts';
import { labelsJob } from '../../jobs/labels.ts';
import { confirmedKey, labelQueue } from '../../workspace/label-queue.ts';
import type { CallContext } from './context.ts';

export function labelCalls(context: CallContext) {
  const { table, settings, runs } = context;
  const queue = () => labelQueue(table, settings, runs);

  /** The queued suspects among these images. Throws `bad-request` if there are none. */
  function suspectsOf(ids: readonly number[]): LabelSuspect[] {
    const wanted = new Set(ids);
    const suspects = queue()?.suspects.filter(({ sampleId }) => wanted.has(sampleId)) ?? [];
    if (!suspects.length)
      throw new WinnowError(
        'bad-request',
        'None of these images is in the queue of suspected labels. Find label errors first.',
      );
    return suspects;
  }

  return {
    find: (request) => context.start(labelsJob, request),
    queue,
    accept({ ids }) {
      const suspects = suspectsOf(ids);
      return context.edit(
        { do: 'accept-labels', paths: suspects.flatMap(({ sampleId }) => table.pathOf(sampleId) ?? []) },
        { marks: suspects.map(({ sampleId, suggested }) => [sampleId, { label: suggested }] as const) },
        (changed) => `accept the suggested class of ${describeImages(changed, table.pathOf)}`,
      );
    },
    confirm({ ids }) {
      const samples = suspectsOf(ids).flatMap(({ sampleId, given }) => {
        const sample = table.sample(sampleId);
        return sample ? [{ ...sample, given }] : [];
      });
      return context.edit(
        { do: 'confirm-labels', paths: samples.map(({ path }) => path) },
        { settings: samples.map((sample) => [confirmedKey(sample, sample.given), true] as const) },
        () => `confirm the class of ${samples.length === 1 ? samples[0].path : plural(samples.length, 'image')}`,
      );
    },
  } satisfies WorkspaceCalls['labels'];
}

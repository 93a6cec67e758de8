/** The layer of automatic maps: chosen once for a network and a method, by a few images of the folder, so that the maps of all images can be compared. */
import { coarsePlaces } from '../compute/inside/methods/cam.ts';
import { methodOf } from '../compute/inside/methods/index.ts';
import type { Sample } from '../contract/types.ts';
import type { JobContext } from './context.ts';
import { readSubjectImage, type ResolvedSubject } from './inside-subject.ts';

/** So many images vote, at equal distances in the table. */
const voters = 6;

/** By network and method; for as long as the folder is open. */
const chosen = new WeakMap<JobContext, Map<string, Promise<string | null>>>();

/** Null: nothing to choose, or no image can be read. */
export function chosenLayer(context: JobContext, subject: ResolvedSubject, method: string): Promise<string | null> {
  const { id, run, kind } = subject;
  const isVoted = methodOf(method)?.wantedPlaces === coarsePlaces;
  if (!isVoted || (kind !== 'classifier' && kind !== 'weights')) return Promise.resolve(null);
  let known = chosen.get(context);
  if (!known) chosen.set(context, (known = new Map()));
  const key = `${id} ${run?.createdAt ?? ''} ${method}`;
  let vote = known.get(key);
  if (!vote) {
    vote = hold(context, subject, method);
    vote.catch(() => known.delete(key)); // the next request tries again
    known.set(key, vote);
  }
  return vote;
}

async function hold(context: JobContext, { ref, frame }: ResolvedSubject, method: string): Promise<string | null> {
  const samples = context.table.samples();
  const step = Math.max(1, Math.floor(samples.length / voters));
  const asked = samples.filter((_, i) => i % step === 0).slice(0, voters);
  const read = await Promise.allSettled(asked.map((sample: Sample) => readSubjectImage(context, frame, sample)));
  const images = read.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  return images.length ? context.compute.call('voteForLayer', { subject: ref, method, images }) : null;
}

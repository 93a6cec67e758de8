/** The default search of a method in a folder: its space, with the batch size bounded by memory; its objectives; what the person should know beforehand. */
import { availableParallelism } from 'node:os';
import type { SearchSubject } from '../../contract/search-schemas.ts';
import type { SearchProposal, Space } from '../../contract/search.ts';
import { largestOf } from '../../contract/numbers.ts';
import { mebibytes, plural, whole } from '../../contract/words.ts';
import type { Compute } from '../../compute/child.ts';
import { splitDataset } from '../../workspace/dataset-split.ts';
import { toWinnowError } from '../../workspace/runs.ts';
import type { JobContext } from '../context.ts';
import { objectivesFor, plainObjective, subjectRecord } from './subject.ts';
import { proposeSpace, withMost } from './space.ts';

/** A search uses at most this fraction of the free memory. */
const freeFraction = 0.6;
/** Arrays as long as the weights in a checkpoint: weights, two of the optimizer, the best weights. */
const arraysOfCheckpoint = 4;
/** The largest checkpoint of a search, in bytes. While one is written, the one before it exists too. */
export const checkpointBytes = ({ weights }: Pick<MemoryNeed, 'weights'>): number => 4 * arraysOfCheckpoint * weights;

export interface MemoryNeed {
  /** Of one training. */
  totalMiB: number;
  freeMiB: number;
  /** Of the network. */
  weights: number;
}

type Context = Pick<JobContext, 'table' | 'groups'> & { compute: Compute };

/** The memory of a training with these parameters; null if the method does not train in batches. Throws WinnowError. */
export async function memoryNeed(
  { compute, table, groups }: Context,
  subject: SearchSubject,
  parameters: Record<string, unknown>,
): Promise<MemoryNeed | null> {
  try {
    if (subject.kind === 'rank') {
      const estimate = await compute.call('estimate', { method: subject.method, params: parameters });
      return estimate && { totalMiB: estimate.totalMiB, freeMiB: estimate.freeMiB, weights: estimate.parameters };
    }
    const { classes } = splitDataset(table.samples(), groups.list(), { ...subject.division, folds: 0 });
    const summary = await compute.call('summarise', {
      model: subject.model,
      mode: subject.mode,
      params: parameters,
      classes: Math.max(2, classes.length),
    });
    return { totalMiB: summary.trainingMiB, freeMiB: summary.freeMiB, weights: summary.parameters };
  } catch (error) {
    throw toWinnowError(error);
  }
}

/** Points that may need the most memory: every size of the network and the batch at its upper bound, with the deepest and the shallowest network. */
function largePoints(space: Space, fixed: Record<string, unknown>): Record<string, unknown>[] {
  const at = (name: string, end: 'low' | 'high'): Record<string, unknown> => {
    const domain = space[name];
    if (!domain) return {};
    return { [name]: domain.type === 'categorical' ? domain.choices.at(end === 'low' ? 0 : -1) : domain[end] };
  };
  const large = { ...fixed, ...at('width', 'high'), ...at('batch', 'high'), ...at('sizePx', 'high') };
  return [large, { ...large, ...at('depth', 'high') }, { ...large, ...at('depth', 'low') }];
}

/** The most that a training of the space may need; null if the method does not train in batches. */
export async function mostNeed(
  context: Context,
  subject: SearchSubject,
  space: Space,
  fixed: Record<string, unknown>,
): Promise<MemoryNeed | null> {
  if (subject.kind === 'train' && subject.mode === 'head') return null;
  const needs: MemoryNeed[] = [];
  for (const point of largePoints(space, fixed)) {
    // Some parameters do not fit together: such a trial fails before it takes memory.
    const need = await memoryNeed(context, subject, point).catch(() => null);
    if (need) needs.push(need);
  }
  if (!needs.length) return null;
  return {
    totalMiB: largestOf(needs.map(({ totalMiB }) => totalMiB)),
    freeMiB: needs[0].freeMiB,
    weights: largestOf(needs.map(({ weights }) => weights)),
  };
}

/** Lowers the upper bound of the depth until the deepest network can be built with images of this size. */
async function boundDepth(
  context: Context,
  subject: SearchSubject,
  space: Space,
  fixed: Record<string, unknown>,
): Promise<Space> {
  const { depth } = space;
  if (!depth || depth.type === 'categorical') return space;
  for (let most = depth.high; most > depth.low + 1; most--) {
    const canBuild = await memoryNeed(context, subject, { ...fixed, depth: most }).then(
      () => true,
      () => false,
    );
    if (canBuild) return { ...space, depth: withMost(depth, most) };
  }
  return space;
}

interface Bounded {
  space: Space;
  /** What was bounded. */
  note: string | null;
  need: MemoryNeed | null;
}

/** Lowers the upper bound of the batch size until the largest training fits into the free memory. */
async function boundBatch(
  context: Context,
  subject: SearchSubject,
  space: Space,
  fixed: Record<string, unknown>,
): Promise<Bounded> {
  let need = await mostNeed(context, subject, space, fixed);
  const { batch } = space;
  if (!need || !batch || batch.type === 'categorical') return { space, note: null, need };
  let bounded = space;
  let most = batch.high;
  while (need && need.totalMiB > freeFraction * need.freeMiB && most > batch.low + 1) {
    most = Math.max(batch.low + 1, Math.floor(most / 2));
    bounded = { ...space, batch: withMost(batch, most) };
    need = await mostNeed(context, subject, bounded, fixed);
  }
  const note =
    most < batch.high
      ? `Batch size is at most ${most}: with the largest network, more do not fit into the free memory.`
      : null;
  return { space: bounded, note, need };
}

/**
 * The default space of a method in this folder: from its schema, with depth and batch size bounded by what can be built and by memory, without what changes the measure of the
 * objective; and everything that can be searched. Throws WinnowError.
 */
export async function defaultSpace(
  context: Context,
  subject: SearchSubject,
  objective: string,
): Promise<Bounded & Pick<SearchProposal, 'order'>> {
  const { schema, fixed, changesMeasure } = subjectRecord(subject);
  const { order, space } = proposeSpace(schema, fixed);
  const bounded = await boundBatch(context, subject, await boundDepth(context, subject, space, fixed), fixed);
  const changes = changesMeasure(objective);
  const names = Object.entries(bounded.space).filter(([name]) => !changes.includes(name));
  return { ...bounded, order, space: Object.fromEntries(names) };
}

/** More than any machine allows. */
export const mostParallel = 64;

/** How many trials can run at once: as many as cores and memory allow, at most as many as asked. */
export function slotsFor(asked: number, need: MemoryNeed | null): { slots: number; note: string | null } {
  const byCores = availableParallelism();
  const byMemory = need ? Math.max(1, Math.floor((freeFraction * need.freeMiB) / Math.max(1, need.totalMiB))) : asked;
  const slots = Math.min(asked, byCores, byMemory);
  const limit = byMemory < byCores ? 'memory' : 'cores';
  return {
    slots,
    note:
      slots < asked
        ? `${plural(slots, 'trial')} at once instead of ${asked}: the ${limit} of this machine do not allow more.`
        : null,
  };
}

/** Throws WinnowError. */
export async function propose(context: Context, subject: SearchSubject): Promise<SearchProposal> {
  const objectives = objectivesFor(context, subject);
  const { order, space, note, need } = await defaultSpace(context, subject, objectives[0]?.id ?? '');
  const notes = note ? [note] : [];
  if (need)
    notes.push(
      `The largest network has ${whole(Math.round(need.weights / 1000))} thousand weights: its checkpoint takes about ${mebibytes(checkpointBytes(need))}. Checkpoints of the best trials are kept, up to the limit.`,
    );
  return { order, space, objectives: objectives.map(plainObjective), notes };
}

/** What a strategy learns from: the trials of a search and earlier ones, as points of the space that is searched now. */
import type { Observed } from '../../compute/search/strategy.ts';
import type { Assignment, Choice, SearchState, Space, Trial } from '../../contract/search.ts';
import { activePart, isActive, parentsFirst } from '../../contract/space.ts';
import { mainTrials } from '../../contract/trials.ts';
import type { Run } from '../../contract/types.ts';
import type { JobContext } from '../context.ts';
import { objectiveOf } from './objectives.ts';

const isEqual = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/**
 * A training with these parameters as a point of the space; null if another parameter than the searched ones differs from its fixed value, or if a category is not in the space:
 * then its value says nothing about this space. Values of parameters whose conditions do not hold do not matter. Numbers may lie outside of the bounds, unless they must not.
 */
export function pointIn(
  space: Space,
  fixed: Record<string, unknown>,
  parameters: Record<string, unknown>,
  { isWithin = false }: { isWithin?: boolean } = {},
): Assignment | null {
  const all: Record<string, unknown> = { ...fixed, ...parameters };
  const point: Assignment = {};
  for (const name of parentsFirst(space)) {
    const domain = space[name];
    if (!isActive(domain, point)) continue;
    const value = all[name];
    const fits =
      domain.type === 'categorical'
        ? domain.choices.includes(value as Choice)
        : typeof value === 'number' && (!isWithin || (value >= domain.low && value <= domain.high));
    if (!fits) return null;
    point[name] = value as Choice;
  }
  const others = Object.keys(all).filter((name) => !space[name]);
  return others.every((name) => isEqual(all[name], fixed[name])) ? activePart(space, point) : null;
}

/** The fixed values of the searched parameters as a point; null if they lie outside of the space. */
export const defaultsIn = ({ request: { space }, fixed }: Pick<SearchState, 'request' | 'fixed'>): Assignment | null =>
  pointIn(space, fixed, {}, { isWithin: true });

/** The earlier values and the trials, in the order of their numbers; earlier ones have numbers up to 0. */
export function observedOf({ request, fixed, warm }: SearchState, trials: readonly Trial[]): Observed[] {
  const { space } = request;
  const before = warm.flatMap(({ parameters, value }, i): Observed[] => {
    const point = pointIn(space, fixed, parameters);
    return point ? [{ number: i + 1 - warm.length, parameters: point, state: 'done', value }] : [];
  });
  const own = mainTrials(trials).flatMap(({ number, parameters, state, value }): Observed[] => {
    const point = pointIn(space, fixed, parameters);
    if (!point) return [];
    // One that was stopped before its value was known says nothing, but need not be tried again.
    if (state === 'failed') return [{ number, parameters: point, state, value: null }];
    return [
      { number, parameters: point, state: value === null ? 'pending' : state === 'done' ? 'done' : 'stopped', value },
    ];
  });
  return [...before, ...own];
}

/** Values of earlier trainings with the same subject, objective and images, for a warm start. Their parameters are complete. */
export function warmStart(
  { runs, trials }: Pick<JobContext, 'runs' | 'trials'>,
  state: Pick<SearchState, 'request' | 'fixed' | 'dataHash' | 'objective'>,
): SearchState['warm'] {
  const { subject, space } = state.request;
  const method = subject.kind === 'train' ? subject.model : subject.method;
  const out: { from: string; parameters: Assignment; value: number }[] = [];
  const add = (from: string, parameters: Record<string, unknown>, value: number | null): void => {
    const point = value === null ? null : pointIn(space, state.fixed, parameters);
    if (point && value !== null) out.push({ from, parameters: point, value });
  };
  const known = runs.list().reverse();
  // A run that was made of a trial is the same training.
  const made = new Set(
    known
      .filter(({ kind }) => kind === 'search')
      .flatMap((search) => trials.list(search.id).flatMap(({ run }) => run ?? [])),
  );
  for (const summary of known) {
    if (summary.method !== method || made.has(summary.id)) continue;
    if (summary.kind === 'search') {
      const { search } = runs.get(summary.id);
      if (!search || !isSameMeasure(search, state)) continue;
      for (const trial of mainTrials(trials.list(summary.id)))
        if (trial.state === 'done') add(trial.id, { ...search.fixed, ...trial.parameters }, trial.value);
    } else if (summary.kind === 'train' && summary.state === 'done') {
      const run = runs.get(summary.id);
      if (
        subject.kind === 'train' &&
        run.classification?.dataHash === state.dataHash &&
        run.classification.mode === subject.mode &&
        (run.classification.asked?.weights ?? null) === subject.weights
      )
        add(run.id, run.parameters, valueOfRun(run, state.objective.id));
    }
  }
  return out;
}

const isSameMeasure = (a: SearchState, b: Pick<SearchState, 'request' | 'dataHash' | 'objective'>): boolean =>
  a.dataHash === b.dataHash &&
  a.objective.id === b.objective.id &&
  a.request.subject.kind === b.request.subject.kind &&
  (a.request.subject.kind !== 'train' ||
    (b.request.subject.kind === 'train' &&
      a.request.subject.mode === b.request.subject.mode &&
      a.request.subject.weights === b.request.subject.weights));

/** The objective at the epoch whose weights a run kept. */
function valueOfRun({ history, report, classification }: Run, objective: string): number | null {
  if (classification?.by === 'folds') return null; // other trainings than those of a trial
  const best = history.find(({ epoch }) => epoch === report.bestEpoch);
  return best ? (objectiveOf('train', objective)?.after?.(best) ?? null) : null;
}

/** Changes to a search: bounds, budget, stopper, trials at once. What was before is kept. */
import { strategyOf } from '../../compute/search/index.ts';
import { stopperOf, stoppers } from '../../compute/search/stoppers.ts';
import { WinnowError } from '../../contract/errors.ts';
import type { SearchChangeRequest } from '../../contract/search-schemas.ts';
import type { SearchState, Space } from '../../contract/search.ts';
import { reduceSpace } from '../../contract/space.ts';
import { checkSpace } from './space.ts';
import { subjectRecord } from './subject.ts';

/** The checked space without conditions on parameters that are not searched. Throws WinnowError. */
export function checkedSpace(
  space: Space,
  { subject }: Pick<SearchState['request'], 'subject'>,
  objective: string,
): Space {
  const { schema, fixed, changesMeasure, title } = subjectRecord(subject);
  checkSpace(space, schema, fixed, changesMeasure(objective), title);
  return reduceSpace(space, fixed);
}

/** Throws WinnowError `bad-request`. */
export function checkStopper(id: string): void {
  if (!stopperOf(id))
    throw new WinnowError(
      'bad-request',
      `There is no stopper ‘${id}’. Available: ${stoppers.map((one) => one.id).join(', ')}.`,
    );
}

/** Throws WinnowError `bad-request` if a search with this budget would never end. */
export function checkBudget(
  { trials, minutes, untilNoMore }: SearchState['request']['budget'],
  strategy: string,
): void {
  if (trials !== null || minutes !== null) return;
  const record = strategyOf(strategy);
  if (!untilNoMore)
    throw new WinnowError('bad-request', 'The search would never end. Give it a budget of trials or minutes.');
  if (!record?.hasSurrogate)
    throw new WinnowError(
      'bad-request',
      `${record?.title ?? strategy} has no surrogate that could expect no more. Give it a budget of trials or minutes.`,
    );
}

/** What changes of the state; nothing if the request changes nothing. `done`: number of trials so far. Throws WinnowError. */
export function changed(state: SearchState, change: SearchChangeRequest, done: number): Partial<SearchState> {
  const { request } = state;
  if (change.stopper !== undefined) checkStopper(change.stopper);
  if (change.budget) checkBudget(change.budget, request.strategy);
  const space = change.space && checkedSpace(change.space, request, state.objective.id);
  const next = {
    budget: change.budget ?? request.budget,
    stopper: change.stopper ?? request.stopper,
    parallel: change.parallel ?? request.parallel,
    space: space ?? request.space,
  };
  const before = { budget: request.budget, stopper: request.stopper, parallel: request.parallel, space: request.space };
  const differs = (name: keyof typeof next): boolean => JSON.stringify(next[name]) !== JSON.stringify(before[name]);
  const what = [
    ...(differs('budget') ? [`budget: ${budgetText(before.budget)} → ${budgetText(next.budget)}`] : []),
    ...(differs('space') ? [spaceText(before.space, next.space)] : []),
    ...(differs('stopper') ? [`stopper: ${before.stopper} → ${next.stopper}`] : []),
    ...(differs('parallel') ? [`trials at once: ${before.parallel} → ${next.parallel}`] : []),
  ];
  if (!what.length) return {};
  return {
    request: { ...request, ...next },
    changes: [...state.changes, { afterTrial: done, atMs: Date.now(), title: what.join('; '), before }],
    ended: null,
  };
}

/** `30 trials, 20 minutes`. */
export const budgetText = ({ trials, minutes, untilNoMore }: SearchState['request']['budget']): string =>
  [
    ...(trials === null ? [] : [`${trials} trials`]),
    ...(minutes === null ? [] : [`${minutes} minutes`]),
    ...(untilNoMore ? ['until no more is expected'] : []),
  ].join(', ') || 'no limit';

function spaceText(before: Space, after: Space): string {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  return `space: ${names.join(', ')}`;
}

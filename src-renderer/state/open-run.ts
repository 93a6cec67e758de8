/** Goes to the place where a run is viewed, and fills forms to do it again. */
import type { Run, RunSummary } from '../../src-main/contract/types.ts';
import { fieldsOf } from '../lib/schema.ts';
import { app } from './app.svelte.ts';
import { Experiments } from './experiments.svelte.ts';
import { notices } from './notices.svelte.ts';
import { Search } from './search.svelte.ts';
import type { Session } from './session.svelte.ts';
import { Suspects } from './suspects.svelte.ts';
import type { View } from './view.svelte.ts';

function enter(view: View, place: string) {
  view.go(place);
  view.loupe.mode = 'grid';
}

export function openRun(session: Session, view: View, { id, kind, parent }: RunSummary) {
  if (kind === 'train' || kind === 'range-test') {
    enter(view, 'train');
    app.training?.choose(id);
  } else if (kind === 'rank') {
    view.chooseRun(id);
    enter(view, 'anomalies');
  } else if (kind === 'labels') {
    if (parent) Suspects.of(session, view).runId = parent;
    enter(view, 'labels');
  } else {
    Search.of(session, view).choose(id);
    Experiments.of(session, view).tab = 'search';
    enter(view, 'experiments');
  }
}

/** Whether a form of the window can make the run again; all others have their command. */
export const hasForm = ({ kind }: RunSummary): boolean => kind === 'train' || kind === 'range-test' || kind === 'rank';

/** Fills the form with the settings of the run, and shows it. */
export async function fillForm(session: Session, view: View, run: RunSummary): Promise<void> {
  if (run.kind === 'train' || run.kind === 'range-test') {
    await app.training?.reuse(run);
    enter(view, 'train');
  } else if (run.kind === 'rank') {
    try {
      fillRanking(view, await session.calls.runs.get.query({ id: run.id }));
      enter(view, 'anomalies');
    } catch (error) {
      return notices.fail(error);
    }
  }
  notices.add('info', `The form has the settings of ${run.id}.`);
}

function fillRanking({ form }: View, { method, parameters, seed, trainOn, trainOnBy }: Run) {
  const asked = new Set(fieldsOf(app.methods.find(({ id }) => id === method)?.schema ?? {}).map(({ name }) => name));
  form.methodId = method;
  form.parameters[method] = Object.fromEntries(Object.entries(parameters).filter(([name]) => asked.has(name)));
  form.seed = seed;
  form.trainOn = trainOnBy === 'given' ? (trainOn ?? '') : null;
}

/** The settings of a run as one flat list: what a person chose, told apart from what was learned. For comparing runs and for tables. */
import type { Run } from './types.ts';

export type Setting = string | number | boolean | null;

/** By name. Parameters are `parameters.<name>`; nested settings have dots in their names; lists are JSON. A setting that the run does not have is missing. */
export function settingsOf(run: Run): Record<string, Setting> {
  const { classification, search } = run;
  return {
    method: run.method,
    ...(run.kind === 'train' && { mode: classification?.mode ?? 'scratch' }),
    seed: run.seed,
    ...(run.kind === 'rank' && { trainOn: run.trainOn ?? 'all', ...(run.origin && flat('origin', run.origin)) }),
    ...(classification?.asked && {
      ...flat('division', classification.asked.division),
      weights: classification.asked.weights,
    }),
    ...(search && searchSettings(search.request)),
    ...flat('parameters', run.parameters),
  };
}

/** The space is one setting: its ranges mean nothing alone. */
const searchSettings = ({
  subject,
  space,
  ...request
}: NonNullable<Run['search']>['request']): Record<string, Setting> => ({
  ...flat('subject', subject),
  ...flat('search', request),
  'search.space': JSON.stringify(space),
});

/** `{ a: { b: 1 } }` → `{ 'name.a.b': 1 }`. */
export function flat(name: string, value: unknown): Record<string, Setting> {
  if (value === undefined) return {};
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return { [name]: value as Setting };
  if (Array.isArray(value)) return { [name]: JSON.stringify(value) };
  const all: Record<string, Setting> = {};
  for (const [key, part] of Object.entries(value)) Object.assign(all, flat(`${name}.${key}`, part));
  return all;
}

/** The settings that differ, in the order of `a`. Parameters have their plain names. null: the run does not have it. */
export function differingSettings(a: Run, b: Run): { name: string; a: Setting; b: Setting }[] {
  const [ofA, ofB] = [settingsOf(a), settingsOf(b)];
  return [...new Set([...Object.keys(ofA), ...Object.keys(ofB)])]
    .filter((name) => (ofA[name] ?? null) !== (ofB[name] ?? null))
    .map((name) => ({ name: name.replace(/^parameters\./, ''), a: ofA[name] ?? null, b: ofB[name] ?? null }));
}

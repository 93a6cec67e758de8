/** The interface of a search strategy: a record that proposes the next trial from the earlier ones. Strategies know nothing about trainings. */
import type { z } from 'zod';
import type { Assignment, Objective, Space } from '../../contract/search.ts';

/**
 * A trial as strategies see it. `pending`: it runs, its value is not known yet. `failed`: it has no value: its parameters crash. `value`: raw, in units of the
 * objective; null if pending or failed.
 */
export interface Observed {
  number: number;
  parameters: Assignment;
  state: 'done' | 'stopped' | 'failed' | 'pending';
  value: number | null;
}

export interface SuggestContext<Settings = Record<string, unknown>> {
  space: Space;
  direction: Objective['direction'];
  /** In the order of their numbers. The same list gives the same suggestion. */
  observed: readonly Observed[];
  /** Of the suggested trial, from 1. Random numbers depend on (seed, number) only. */
  number: number;
  seed: number;
  settings: Settings;
}

export interface Suggestion {
  /** Only the parameters whose conditions hold; null if nothing is left to try. */
  parameters: Assignment | null;
  /** The improvement over the best value that the surrogate expects, in units of the objective; null without a surrogate. */
  expected: number | null;
  /** No more improvement is expected than noise and rounding explain; only with a surrogate. */
  isExhausted: boolean;
}

export interface Strategy {
  id: string;
  title: string;
  summary: string;
  schema: z.ZodObject;
  /** It models the objective, so that it can tell when no more is expected. */
  hasSurrogate?: boolean;
  suggest(context: SuggestContext): Suggestion;
}

/** Infers the settings from the schema, and checks them: missing ones get their default. Throws a ZodError. */
export const defineStrategy = <Schema extends z.ZodObject>({
  schema,
  suggest,
  ...record
}: Omit<Strategy, 'schema' | 'suggest'> & {
  schema: Schema;
  suggest(context: SuggestContext<z.output<Schema>>): Suggestion;
}): Strategy => ({
  ...record,
  schema,
  suggest: (context) => suggest({ ...context, settings: schema.parse(context.settings) }),
});

/** Input schemas of hyperparameter searches. */
import { z } from 'zod';
import { rankSchema, trainSchema } from './schemas.ts';

const choice = z.union([z.string(), z.number(), z.boolean()]);
const when = { when: z.record(z.string(), z.array(choice).min(1).readonly()).optional() };
const ordered = <T extends z.ZodType<{ low: number; high: number; log?: boolean }>>(schema: T) =>
  schema
    .refine(({ low, high }) => low < high, 'The lower bound must be below the upper one.')
    .refine(({ low, log }) => !log || low > 0, 'A logarithmic range must be above 0.');

export const domainSchema = z.discriminatedUnion('type', [
  ordered(
    z.strictObject({
      type: z.literal('float'),
      low: z.number(),
      high: z.number(),
      log: z.boolean().optional(),
      ...when,
    }),
  ),
  ordered(
    z.strictObject({
      type: z.literal('int'),
      low: z.int(),
      high: z.int(),
      log: z.boolean().optional(),
      step: z.int().min(1).optional(),
      ...when,
    }),
  ),
  z.strictObject({ type: z.literal('categorical'), choices: z.array(choice).min(2).max(100).readonly(), ...when }),
]);
/** By parameter. Names and values are checked against the schema of the method (`jobs/search/space.ts`). */
export const spaceSchema = z
  .record(z.string().min(1), domainSchema)
  .refine((space) => Object.keys(space).length > 0, 'A search needs at least one parameter to search.')
  .refine((space) => Object.keys(space).length <= 40, 'A search can have at most 40 parameters.');

/** What is trained in each trial: a classifier, or a scorer. */
export const searchSubjectSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('train'), ...trainSchema.omit({ resume: true, seed: true }).shape }),
  z.object({ kind: z.literal('rank'), ...rankSchema.pick({ method: true, parameters: true, trainOn: true }).shape }),
]);
export type SearchSubject = z.output<typeof searchSubjectSchema>;

/** The search ends at the first limit that it reaches. */
export const budgetSchema = z.object({
  trials: z.int().min(1).max(10_000).nullable().default(30),
  minutes: z.number().positive().max(100_000).nullable().default(null),
  /** End when the surrogate expects no more improvement; only strategies with a surrogate. */
  untilNoMore: z.boolean().default(false),
});

export const searchSchema = z.object({
  subject: searchSubjectSchema,
  /** null: the default space of the method. */
  space: spaceSchema.nullable().default(null),
  strategy: z.string().min(1).default('bayesian'),
  /** Checked against the strategy's own schema. */
  settings: z.record(z.string(), z.unknown()).default({}),
  stopper: z.string().min(1).default('median'),
  /** null: the first that the method has. */
  objective: z.string().min(1).nullable().default(null),
  budget: budgetSchema.prefault({}),
  /** Trials at once; fewer if cores or memory do not allow it. */
  parallel: z.int().min(1).max(64).default(1),
  /** The best few trials and the defaults are trained again with other seeds or folds. 0: not. */
  repeats: z
    .object({
      best: z.int().min(0).max(20).default(2),
      times: z.int().min(2).max(20).default(3),
      over: z.enum(['seeds', 'folds']).default('seeds'),
    })
    .prefault({}),
  /** Limit for the checkpoints of trials. */
  diskMiB: z.number().min(1).max(1e7).default(2048),
  /** Learn from earlier trials of the same method, objective and images. */
  warmStart: z.boolean().default(true),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(1),
});
export type SearchRequest = z.output<typeof searchSchema>;

/** Changes to a search, also while it runs. Finished trials stay. */
export const searchChangeSchema = z.object({
  space: spaceSchema.optional(),
  budget: budgetSchema.optional(),
  stopper: z.string().min(1).optional(),
  parallel: z.int().min(1).max(64).optional(),
});
export type SearchChangeRequest = z.output<typeof searchChangeSchema>;

const search = z.object({ id: z.string().min(1) });
const trial = search.extend({ number: z.int().min(1) });
export const searchIdSchema = search;
export const trialSchema = trial;
export const changeSearchSchema = search.extend({ change: searchChangeSchema });
export const resumeSearchSchema = search.extend({ change: searchChangeSchema.prefault({}) });
/** A new training with the parameters of the trial, and `factor` times its epochs. */
export const trainLongerSchema = trial.extend({ factor: z.number().min(1).max(100).default(3) });
export const surrogateSchema = search.extend({
  parameter: z.string().min(1),
  /** A second axis, for contours. */
  second: z.string().min(1).nullable().default(null),
  /** Fit to the trials up to this number; null: all. */
  upTo: z.int().min(0).nullable().default(null),
});

/** What each call accepts. Forms and the command line check against the same schemas, so a wrong value is told in one way. */
import { z } from 'zod';
import { decisions } from './types.ts';

export const expressionSchema = z.string().trim().min(1).max(2000);

export const openSchema = z.object({
  folder: z.string().min(1).describe('Folder of images'),
  workspace: z.string().min(1).optional().describe('Where Winnow keeps what it learns; by default in the user’s data folder'),
});

/** Samples by id (window), by path or glob, or by expression. Exactly one way at a time. */
export const choiceSchema = z.union([
  z.object({ ids: z.array(z.int().nonnegative()).min(1).max(1_000_000) }),
  z.object({ paths: z.array(z.string().min(1)).min(1).max(1_000_000) }),
  z.object({ where: expressionSchema }),
]);
export type Choice = z.infer<typeof choiceSchema>;

export const decideSchema = z.object({
  choice: choiceSchema,
  /** null takes a decision back to undecided. */
  decision: z.enum(decisions as ['keep', 'reject', 'unsure']).nullable(),
});

export const rankSchema = z.object({
  method: z.string().min(1),
  /** Checked against the method's own schema. */
  parameters: z.record(z.string(), z.unknown()).default({}),
  /** Glob on paths: the images known to be normal. All are scored. Without it all are trained on. */
  trainOn: z.string().min(1).nullable().default(null),
  seed: z.int().min(0).max(2 ** 31 - 1).default(1),
  /** Go on with an interrupted or cancelled run of the same settings and images, where there is one. */
  resume: z.boolean().default(true),
  /** Folder for the error maps, one 16-bit PNG for each image. */
  maps: z.string().min(1).nullable().default(null),
});
export type RankRequest = z.infer<typeof rankSchema>;

export const exportSchema = z.object({
  to: z.string().min(1).describe('Folder that is made; it must not exist or be empty'),
  /** Samples for which this holds are left out, beside the rejected ones. */
  drop: expressionSchema.nullable().default(null),
});
export type ExportRequest = z.infer<typeof exportSchema>;

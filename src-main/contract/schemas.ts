/** What each call accepts. Forms and the command line check against the same schemas, so a wrong value is told in one way. */
import { z } from 'zod';
import { trainModes } from './classifier.ts';
import { backendChoices } from './machine.ts';
import { decisions, duplicateKinds, keepRules, placements } from './types.ts';

const seed = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
  .default(1);

export const expressionSchema = z.string().trim().min(1).max(2000);

/** A path as a system takes it. */
const path = z
  .string()
  .min(1)
  .max(32_768)
  .refine((text) => !text.includes('\0'), 'A path has no zero bytes.');

export const openSchema = z.object({
  folder: path.describe('Folder of images'),
  workspace: path.optional().describe('Where Winnow keeps what it learns; by default in the user’s data folder'),
});

export const restoreSchema = openSchema.extend({
  /** Name of a backup; null: the database that is there, as it is. */
  backup: z.string().min(1).nullable(),
});

/** Samples by id (window), by path or glob, or by expression. Exactly one way at a time. */
export const choiceSchema = z.union([
  z.object({ ids: z.array(z.int().nonnegative()).min(1).max(1_000_000) }),
  z.object({ paths: z.array(z.string().min(1)).min(1).max(1_000_000) }),
  z.object({ where: expressionSchema }),
]);
export type Choice = z.infer<typeof choiceSchema>;

const text = z.string().trim().min(1).max(2000);
export const tagSchema = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^,]*$/, 'A tag has no comma.');

/** What to say of the chosen samples; what is left out stays. */
export const changeSchema = z.object({
  /** null takes a decision back to undecided. */
  decision: z
    .enum(decisions as ['keep', 'reject', 'unsure'])
    .nullable()
    .optional(),
  /** Kept with the decision; without one, the expression that chose. */
  reason: text.nullable().optional(),
  addTags: z.array(tagSchema).max(100).optional(),
  removeTags: z.array(tagSchema).max(100).optional(),
  /** null: the class is again what the sub-folder says. */
  label: z.string().trim().min(1).max(200).nullable().optional(),
  note: text.nullable().optional(),
});
export type Change = z.infer<typeof changeSchema>;
export const editSchema = z.object({ choice: choiceSchema, change: changeSchema });

export const thresholdSchema = z.object({
  check: z.string().min(1),
  /** null: the default. */
  threshold: z.number().min(0).max(1).nullable(),
});

export const viewSchema = z.object({
  name: z.string().trim().min(1).max(100),
  where: expressionSchema.nullable().default(null),
  order: z.object({ by: z.string().min(1), descending: z.boolean() }).default({ by: 'path', descending: false }),
});

export const keepBestSchema = z.object({
  kinds: z
    .array(z.enum(duplicateKinds as ['exact', 'near', 'rotated', 'mirrored']))
    .min(1)
    .default(['exact', 'near']),
  rule: z.enum(keepRules).default('largest'),
  /** Folder whose images are kept before any other. */
  protectedFolder: z.string().min(1).nullable().default(null),
  /** Only these groups; all without. */
  groups: z.array(z.int()).nullable().default(null),
});
export type KeepBest = z.infer<typeof keepBestSchema>;

export const importSchema = z.object({
  /** CSV, JSON Lines, COCO, or a manifest of an export. */
  file: path,
  dryRun: z.boolean().default(false),
});

export const mapSchema = z.object({
  /** Run whose autoencoder knows the images; without one, the bundled weights do. */
  runId: z.string().min(1).nullable().default(null),
  seed,
  /** Lay out anew where a map exists; otherwise new images are placed into it. */
  anew: z.boolean().default(false),
});

/** For this machine and from now on: what networks are trained on. */
export const backendSchema = z.object({ choice: z.enum(backendChoices) });

export const estimateSchema = z.object({
  method: z.string().min(1),
  parameters: z.record(z.string(), z.unknown()).default({}),
});

export const rankSchema = z.object({
  method: z.string().min(1),
  /** Checked against the method's own schema. */
  parameters: z.record(z.string(), z.unknown()).default({}),
  /** Glob on paths: the images known to be normal. All are scored. Without it all are trained on. */
  trainOn: z.string().min(1).nullable().default(null),
  seed,
  /** Go on with an unfinished run of the same settings and images, where there is one: interrupted, cancelled, or failed with a checkpoint. */
  resume: z.boolean().default(true),
  /** Folder for the error maps, one 16-bit PNG for each image. */
  maps: path.nullable().default(null),
});
export type RankRequest = z.infer<typeof rankSchema>;

export const sharesSchema = z.object({ train: z.number().min(0), val: z.number().min(0), test: z.number().min(0) });

/** How the images with a class are divided. */
export const divisionSchema = z.object({
  /** `auto`: by folders where they are named train, val, test; else by shares. */
  by: z.enum(['auto', 'folders', 'shares']).default('auto'),
  shares: sharesSchema.default({ train: 70, val: 15, test: 15 }),
  /** 2 or more: each image is tested once, by a model that was not trained on it. 0: one training. */
  folds: z
    .int()
    .min(0)
    .max(20)
    .refine((folds) => folds !== 1, 'One fold leaves nothing to train on: give 2 or more, or 0 for none.')
    .default(0),
  seed,
});
export type DivisionRequest = z.infer<typeof divisionSchema>;

export const trainSchema = z.object({
  model: z.string().min(1),
  mode: z.enum(trainModes).default('scratch'),
  /** Checked against the model's own schema for the mode. */
  parameters: z.record(z.string(), z.unknown()).default({}),
  division: divisionSchema.prefault({}),
  /** A safetensors file with torchvision's or timm's names to begin from. */
  weights: path.nullable().default(null),
  seed,
  resume: z.boolean().default(true),
});
export type TrainRequest = z.infer<typeof trainSchema>;

/** Which labels are likely wrong. */
export const labelsSchema = z.object({
  /** A finished classifier that was trained in folds; without one, heads on embeddings say. */
  runId: z.string().min(1).nullable().default(null),
  folds: z.int().min(2).max(20).default(5),
  /** How often the folder is divided anew: the mean is steadier. */
  repeats: z.int().min(1).max(10).default(3),
  seed,
});
export type LabelsRequest = z.infer<typeof labelsSchema>;

export const alikeSchema = z.object({ ids: z.array(z.int().nonnegative()).min(1).max(1000) });
export const idsSchema = z.object({ ids: z.array(z.int().nonnegative()).min(1).max(1_000_000) });

/** `next`: to the front of the queue; `later`: one place back. */
export const moveJobSchema = z.object({ id: z.int(), to: z.enum(['next', 'later']) });

export const runsSchema = z.object({ ids: z.array(z.string().min(1)).min(1) });

export const predictSchema = z.object({ runId: z.string().min(1) });

export const modelFormats = ['onnx', 'tfjs'] as const;

/** A classifier to take away. */
export const takeAwaySchema = z.object({
  runId: z.string().min(1),
  to: path.describe('Folder that is made; it must not exist or be empty'),
  formats: z
    .array(z.enum(modelFormats))
    .min(1)
    .default([...modelFormats]),
  /** Which, of a run with folds; from 1. */
  fold: z.int().min(1).default(1),
});
export type TakeAwayRequest = z.infer<typeof takeAwaySchema>;

export const summarySchema = z.object({
  model: z.string().min(1),
  mode: z.enum(trainModes).default('scratch'),
  parameters: z.record(z.string(), z.unknown()).default({}),
  classes: z.int().min(2).max(100_000),
});

export const previewSchema = z.object({
  train: trainSchema,
  ids: z.array(z.int().nonnegative()).min(1).max(64),
  /** Views of each image. */
  draws: z.int().min(1).max(64).default(8),
  /** A finished classifier that says whether it still knows the image. */
  runId: z.string().min(1).nullable().default(null),
  /** Folder for the views, one lossless WebP each. */
  to: path.nullable().default(null),
});
export type PreviewRequest = z.infer<typeof previewSchema>;

export const exportSchema = z.object({
  to: path.describe('Folder that is made; it must not exist or be empty'),
  format: z.string().min(1).default('folder'),
  place: z.enum(placements).default('copy'),
  /** Samples for which this holds are left out, beside the rejected ones. */
  drop: expressionSchema.nullable().default(null),
  /** Only what is kept, not the undecided and unsure. */
  keptOnly: z.boolean().default(false),
  /** Shares of the splits, made to sum to one. Stratified by class; near duplicates stay together. */
  splits: sharesSchema.nullable().default(null),
  seed,
  /** Cells of CSV files that a spreadsheet would take for a formula begin with an apostrophe. */
  safeForSpreadsheets: z.boolean().default(false),
  /** `move` asks twice: the second time names the number of files that the plan told. */
  confirmMove: z.int().nonnegative().nullable().default(null),
});
export type ExportRequest = z.infer<typeof exportSchema>;

/** Input schemas of the calls. Forms and the command line validate with the same schemas, so an error has the same message everywhere. */
import { z } from 'zod';
import { trainModes } from './classifier.ts';
import { classRules } from './folder-classes.ts';
import { backendChoices } from './machine.ts';
import { placements } from './export-types.ts';
import { parseRule, ruleText } from './threshold.ts';
import { decisions, duplicateKinds, keepRules } from './types.ts';

const seed = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
  .default(1);

export const expressionSchema = z.string().trim().min(1).max(2000);

/** A file system path. */
const path = z
  .string()
  .min(1)
  .max(32_768)
  .refine((text) => !text.includes('\0'), 'A path cannot contain null bytes.');

export const openSchema = z.object({
  folder: path.describe('Folder of images'),
  workspace: path.optional().describe('Folder of the workspace; by default in the user’s data folder'),
});

export const restoreSchema = openSchema.extend({
  /** Name of a backup; null accepts the present database unchanged. */
  backup: z.string().min(1).nullable(),
});

/** Selects samples by id (window), by path or glob, or by expression: exactly one of these. */
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
  .normalize('NFC')
  .min(1)
  .max(100)
  .regex(/^[^,]*$/, 'A tag cannot contain a comma.');

/** Changes to the marks of the selected samples; omitted fields stay unchanged. */
export const changeSchema = z.object({
  /** null resets the decision to undecided. */
  decision: z
    .enum(decisions as ['keep', 'reject', 'unsure'])
    .nullable()
    .optional(),
  /** Stored with the decision; defaults to the expression that selected the samples. */
  reason: text.nullable().optional(),
  addTags: z.array(tagSchema).max(100).optional(),
  removeTags: z.array(tagSchema).max(100).optional(),
  /** null: the class comes from the folders again. */
  label: z.string().trim().normalize('NFC').min(1).max(200).nullable().optional(),
  note: text.nullable().optional(),
});
export type Change = z.infer<typeof changeSchema>;
export const editSchema = z.object({ choice: choiceSchema, change: changeSchema });

export const thresholdSchema = z.object({
  check: z.string().min(1),
  /** null: the default. */
  threshold: z.number().min(0).max(1).nullable(),
});

const place = z.int().min(1).max(1_000_000).optional();
/** The plane of stacks; places count from 1. */
export const planeSchema = z.strictObject({ channel: place, z: place, time: place, page: place });

/** How folders become classes. */
export const classRuleSchema = z.object({ by: z.enum(classRules) });

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
  /** Images in this folder are preferred. */
  protectedFolder: z.string().min(1).nullable().default(null),
  /** Only these groups; null means all whose images are copies of each other (`isCopies`). */
  groups: z.array(z.int()).nullable().default(null),
});
export type KeepBest = z.infer<typeof keepBestSchema>;

export const importSchema = z.object({
  /** CSV, JSON Lines, COCO, or a manifest of an export. */
  file: path,
  dryRun: z.boolean().default(false),
});

export const mapSchema = z.object({
  /** Run whose autoencoder encodes the images; null uses the pretrained embeddings. */
  runId: z.string().min(1).nullable().default(null),
  seed,
  /** Compute a new layout even if a map exists; otherwise new images are added to the map. */
  anew: z.boolean().default(false),
});

/** The compute backend of this machine, stored permanently. */
export const backendSchema = z.object({ choice: z.enum(backendChoices) });

export const estimateSchema = z.object({
  method: z.string().min(1),
  parameters: z.record(z.string(), z.unknown()).default({}),
});

/** A rule that places a threshold on scores, with its value; null: the rule's default. The value of the rule `score` is the threshold itself. */
export const ruleSchema = z
  .object({ rule: z.string().min(1), value: z.number().nullable().default(null) })
  .transform((choice, { issues, value: input }) => {
    const checked = parseRule(ruleText(choice));
    if (typeof checked !== 'string') return checked;
    issues.push({ code: 'custom', message: checked, input });
    return z.NEVER;
  });

const mapFiles = {
  /** Folder for the error maps, one 16-bit PNG for each image. */
  maps: path.nullable().default(null),
  /** Folder for the masks of anomalous regions: one PNG for each image, and polygons in COCO's format. */
  masks: path.nullable().default(null),
  /** A pixel is anomalous if its value in the map is at least this. null: the threshold that the run derived from normal images. */
  maskThreshold: z.number().nullable().default(null),
  /** Says in `masks.json` which images are flagged; null: the threshold of the ranking. */
  rule: ruleSchema.nullable().default(null),
};

/** Writes the maps or masks of a finished ranking. */
export const mapFilesSchema = z.object({ runId: z.string().min(1), ...mapFiles });
export type MapFilesRequest = z.infer<typeof mapFilesSchema>;

/** A place of an image in fractions of its sides; null: where the error map is highest. */
export const unlikeSchema = z.object({
  runId: z.string().min(1),
  sampleId: z.int(),
  at: z
    .object({ x: z.number().min(0).max(1), y: z.number().min(0).max(1) })
    .nullable()
    .default(null),
});

export const rankSchema = z.object({
  method: z.string().min(1),
  /** Checked against the method's own schema. */
  parameters: z.record(z.string(), z.unknown()).default({}),
  /**
   * Glob on paths: images that are known to be normal, used for training. All images are scored. null trains on all. Left out: what was given last for
   * this folder, else what folder names such as `train/good` tell, else all.
   */
  trainOn: z.string().min(1).nullable().optional(),
  seed,
  /** Resume an unfinished run with the same settings and images, if there is one: interrupted, cancelled, or failed with a checkpoint. */
  resume: z.boolean().default(true),
  ...mapFiles,
});
export type RankRequest = z.infer<typeof rankSchema>;

/** Scoring with a finished ranking, without training. */
export const scoreSchema = z.object({
  runId: z.string().min(1),
  /** The folder that the ranking belongs to: its detector is copied to a new run here. null: a run of the open folder, whose column gets the missing scores. */
  of: openSchema.nullable().default(null),
  ...mapFiles,
});
export type ScoreRequest = z.infer<typeof scoreSchema>;

/** How the threshold of a ranking is placed: kept with the run. */
export const runThresholdSchema = z.object({
  id: z.string().min(1),
  /** null: the default rule. */
  rule: ruleSchema.nullable().default(null),
});

/** Scoring files as they arrive. */
export const watchSchema = z.object({
  runId: z.string().min(1),
  /** Places the threshold from which on files are alarms; null: the threshold of the ranking. */
  rule: ruleSchema.nullable().default(null),
  pollSeconds: z.number().min(0.1).max(86_400).nullable().default(null),
});
export type WatchRequest = z.infer<typeof watchSchema>;

/** How a ranking is compared with the truth. */
export const evaluateSchema = z.object({
  /** A finished ranking; null: the newest. */
  runId: z.string().min(1).nullable().default(null),
  /** A table of the truth: a column with paths, and is_anomaly or label. It replaces tags, masks and names of folders. */
  truth: path.nullable().default(null),
  /** Folder of masks; null: `ground_truth` in the folder or beside it, if there is one. */
  masks: path.nullable().default(null),
  /** Places the threshold; null: the threshold of the ranking. */
  threshold: ruleSchema.nullable().default(null),
});
export type EvaluateRequest = z.infer<typeof evaluateSchema>;

export const sharesSchema = z.object({ train: z.number().min(0), val: z.number().min(0), test: z.number().min(0) });

/** How images with a class are split into train, val and test. */
export const splitSchema = z.object({
  /** `auto`: by folders named train, val, test if there are any, else by fractions (`shares`). */
  by: z.enum(['auto', 'folders', 'shares']).default('auto'),
  shares: sharesSchema.default({ train: 70, val: 15, test: 15 }),
  /** 2 or more: k-fold cross-validation. 0: a single training. */
  folds: z
    .int()
    .min(0)
    .max(20)
    .refine((folds) => folds !== 1, 'One fold leaves nothing to train on: use 2 or more, or 0 for none.')
    .default(0),
  seed,
});
export type SplitRequest = z.infer<typeof splitSchema>;

export const trainSchema = z.object({
  model: z.string().min(1),
  mode: z.enum(trainModes).default('scratch'),
  /** Checked against the model's own schema for the mode. */
  parameters: z.record(z.string(), z.unknown()).default({}),
  division: splitSchema.prefault({}),
  /** Initial weights: a safetensors file with torchvision or timm names. */
  weights: path.nullable().default(null),
  seed,
  resume: z.boolean().default(true),
});
export type TrainRequest = z.infer<typeof trainSchema>;

/** Search for label errors. */
export const labelsSchema = z.object({
  /** A finished cross-validated classifier whose predictions are used; null trains heads on embeddings. */
  runId: z.string().min(1).nullable().default(null),
  folds: z.int().min(2).max(20).default(5),
  /** Repetitions with other folds; the mean has less variance. */
  repeats: z.int().min(1).max(10).default(3),
  seed,
});
export type LabelsRequest = z.infer<typeof labelsSchema>;

export const similaritySchema = z.object({ ids: z.array(z.int().nonnegative()).min(1).max(1000) });
export const idsSchema = z.object({ ids: z.array(z.int().nonnegative()).min(1).max(1_000_000) });

/** `next`: to the front of the queue; `later`: one place back. */
export const moveJobSchema = z.object({ id: z.int(), to: z.enum(['next', 'later']) });

export const runsSchema = z.object({ ids: z.array(z.string().min(1)).min(1) });

/** Omitted fields stay unchanged; null removes. */
export const describeRunSchema = z.object({
  id: z.string().min(1),
  title: z.string().trim().min(1).max(200).nullable().optional(),
  note: text.nullable().optional(),
  pinned: z.boolean().optional(),
});
export const compareRunsSchema = z.object({ a: z.string().min(1), b: z.string().min(1) });

export const predictSchema = z.object({ runId: z.string().min(1) });

export const modelFormats = ['onnx', 'tfjs'] as const;

/** Options of exporting a classifier. */
export const exportModelSchema = z.object({
  runId: z.string().min(1),
  to: path.describe('New folder; if it exists, it must be empty'),
  formats: z
    .array(z.enum(modelFormats))
    .min(1)
    .default([...modelFormats]),
  /** Fold of a cross-validation whose model is exported; from 1. */
  fold: z.int().min(1).default(1),
});
export type ExportModelRequest = z.infer<typeof exportModelSchema>;

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
  /** A finished classifier that predicts each view. */
  runId: z.string().min(1).nullable().default(null),
  /** Folder for the views, one lossless WebP each. */
  to: path.nullable().default(null),
});
export type PreviewRequest = z.infer<typeof previewSchema>;

/** A network: the id of a finished run, or of bundled weights. */
const subject = z.string().min(1).max(200);
const layer = z.string().min(1).max(300);

export const subjectSchema = z.object({ run: subject });
export const layerSchema = z.object({ run: subject, layer });
export const unitSchema = layerSchema.extend({ unit: z.int().nonnegative() });

export const targetSchema = z.discriminatedUnion('of', [
  z.object({ of: z.literal('auto') }),
  z.object({ of: z.literal('class'), name: z.string().min(1) }),
  z.object({ of: z.literal('difference'), name: z.string().min(1), minus: z.string().min(1) }),
  z.object({ of: z.literal('loss') }),
  z.object({ of: z.literal('error') }),
  z.object({ of: z.literal('score') }),
]);

const explanation = {
  run: subject,
  method: z.string().min(1).default('grad-cam'),
  /** null: chosen for this network. */
  layer: layer.nullable().default(null),
  target: targetSchema.default({ of: 'auto' }),
  /** Checked against the method's own schema. */
  parameters: z.record(z.string(), z.unknown()).default({}),
  seed,
};
export const explainSchema = z.object({ ...explanation, sampleId: z.int().nonnegative() });
export type ExplainRequest = z.infer<typeof explainSchema>;

/** Explanations of many images as files. */
export const explainFilesSchema = z.object({
  ...explanation,
  choice: choiceSchema,
  to: path.describe('New folder; if it exists, it must be empty'),
});
export type ExplainFilesRequest = z.infer<typeof explainFilesSchema>;

/** Explains all images with one method: mean maps by class, and the column `<run>.outside` where there are masks. */
export const evidenceSchema = z.object(explanation);

export const filtersSchema = layerSchema.extend({ epoch: z.int().nonnegative().nullable().default(null) });
export const featureMapsSchema = layerSchema.extend({ sampleId: z.int().nonnegative() });
export const featureThumbsSchema = z.object({ run: subject, sampleId: z.int().nonnegative() });

export const maximiseSchema = z.object({
  run: subject,
  /** A unit of a layer, or an output of the classifier. */
  goal: z.union([z.object({ layer, unit: z.int().nonnegative() }), z.object({ class: z.string().min(1) })]),
  steps: z.int().min(1).max(2000).default(128),
  seed,
});

/** Images decoded by an autoencoder. */
export const decodeSchema = z.object({
  run: subject,
  of: z.discriminatedUnion('kind', [
    /** Along the line between the codes of two images. */
    z.object({ kind: z.literal('line'), from: z.int(), to: z.int(), count: z.int().min(2).max(32).default(9) }),
    /** From random codes near the code of an image. */
    z.object({ kind: z.literal('around'), sampleId: z.int(), count: z.int().min(1).max(32).default(9), seed }),
    /** From the code of an image along a principal direction of the codes of the folder, −3 to +3 deviations. */
    z.object({
      kind: z.literal('direction'),
      sampleId: z.int(),
      direction: z.int().nonnegative(),
      count: z.int().min(2).max(32).default(7),
    }),
    /** From the code of an image with some of its numbers replaced. For codes that are feature maps: offsets along principal directions, in deviations. */
    z.object({ kind: z.literal('code'), sampleId: z.int(), numbers: z.record(z.string(), z.number()) }),
  ]),
});
export type DecodeRequest = z.infer<typeof decodeSchema>;

export const exportSchema = z.object({
  to: path.describe('New folder; if it exists, it must be empty'),
  format: z.string().min(1).default('folder'),
  place: z.enum(placements).default('copy'),
  /** Samples that match are left out, in addition to rejected ones. */
  drop: expressionSchema.nullable().default(null),
  /** Only images marked as keep, not undecided or unsure ones. */
  keptOnly: z.boolean().default(false),
  /** Fractions of the splits, normalised to sum to one. Stratified by class; near duplicates stay together. */
  splits: sharesSchema.nullable().default(null),
  seed,
  /** CSV cells that a spreadsheet would read as a formula start with an apostrophe. */
  safeForSpreadsheets: z.boolean().default(false),
  /** Confirms `move`: the number of files in the plan. */
  confirmMove: z.int().nonnegative().nullable().default(null),
});
export type ExportRequest = z.infer<typeof exportSchema>;

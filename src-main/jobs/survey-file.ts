/** The survey of a network, stored in one file: one part per layer, so that a layer is read without the others. */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { LayerTally } from '../compute/inside/survey.ts';
import { pretrainedOf } from '../compute/models/pretrained.ts';
import { modelFile } from '../compute/run-files.ts';
import { DamagedFile, openSafetensors } from '../compute/safetensors.ts';
import { writeTensors } from '../compute/tensor-file.ts';
import type { Sample } from '../contract/types.ts';
import { runFolder } from '../workspace/runs.ts';
import type { JobContext } from './context.ts';
import type { ResolvedSubject } from './inside-subject.ts';

interface Header {
  version: 1;
  /** Identifies the model; a survey of another one is not read. */
  model: string;
  /** Identifies the images with their classes. */
  images: string;
  /** Id and SHA-256 of the image of each number. */
  known: readonly (readonly [id: number, sha256: string])[];
  classes: readonly { name: string; images: number }[];
  layers: readonly { layer: string; hasRelu: boolean; hasLimits: boolean; fieldPx: number | null; units: number }[];
}

/** Numbers per unit: mean, maximum, fraction of silent images, fraction of saturated values. */
const answerSize = 4;

/** One layer of a survey. */
export interface SurveyedLayer {
  header: Header;
  layer: Header['layers'][number];
  answers: Float32Array; // [units, 4]
  byClass: Float32Array; // [units, classes], means
  most: Float32Array; // as in `tally.ts`
  least: Float32Array;
}

const fileOf = ({ workspaceFolder }: JobContext, { id, ref }: ResolvedSubject): string =>
  ref.kind === 'weights'
    ? join(workspaceFolder, `survey-${id}.tensors`)
    : join(runFolder(workspaceFolder, id), 'survey.tensors');

/** Differs if another model has the same id. */
function modelKey({ ref, run }: ResolvedSubject): string {
  if (ref.kind === 'weights') return pretrainedOf(ref.id)!.sha256;
  const { size, mtimeMs } = statSync(modelFile(ref.runFolder), { throwIfNoEntry: false }) ?? { size: 0, mtimeMs: 0 };
  return `${run?.createdAt} ${size} ${mtimeMs}`;
}

/** Differs if images are added, removed or changed, or have another class. */
export function imagesKey(samples: readonly Sample[]): string {
  const hash = createHash('sha256');
  for (const { id, sha256, class: own } of samples) hash.update(`${id} ${sha256} ${own ?? ''}\n`);
  return hash.digest('hex');
}

/** `labels`: the class of each image as an index of `classes`, or −1. Throws the system's error. */
export function writeSurvey(
  context: JobContext,
  subject: ResolvedSubject,
  tallies: readonly LayerTally[],
  {
    images,
    samples,
    classes,
    labels,
  }: { images: string; samples: readonly Sample[]; classes: readonly string[]; labels: Int32Array },
): void {
  const counts = classes.map((_name, index) => labels.filter((label) => label === index).length);
  const arrays: Record<string, Float32Array> = {};
  for (const tally of tallies) {
    const { layer, units, most, least } = tally;
    const answers = new Float32Array(units * answerSize);
    for (let unit = 0; unit < units; unit++)
      answers.set(
        [
          tally.sums[unit] / samples.length,
          tally.max[unit],
          tally.silent[unit] / samples.length,
          tally.saturated[unit] / samples.length,
        ],
        unit * answerSize,
      );
    const byClass = Float32Array.from(tally.byClass, (sum, i) => sum / counts[i % classes.length]);
    Object.assign(arrays, {
      [`${layer}/answers`]: answers,
      [`${layer}/classes`]: byClass,
      [`${layer}/most`]: most,
      [`${layer}/least`]: least,
    });
  }
  const header: Header = {
    version: 1,
    model: modelKey(subject),
    images,
    known: samples.map(({ id, sha256 }) => [id, sha256]),
    classes: classes.map((name, index) => ({ name, images: counts[index] })),
    layers: tallies.map(({ layer, units, activation, fieldPx }) => ({
      layer,
      units,
      fieldPx,
      hasRelu: activation === 'relu' || activation === 'relu6',
      hasLimits: activation === 'relu6' || activation === 'sigmoid',
    })),
  };
  writeTensors(fileOf(context, subject), { header, arrays });
}

/** Null if there is no survey of this model. */
export const readSurveyHeader = (context: JobContext, subject: ResolvedSubject): Header | null =>
  reading(context, subject, ({ header }) => header);

/** Null if there is no survey of this model, or no such layer. */
export const readSurveyedLayer = (context: JobContext, subject: ResolvedSubject, name: string): SurveyedLayer | null =>
  reading(context, subject, ({ header, read }) => {
    const layer = header.layers.find((one) => one.layer === name);
    return layer
      ? {
          header,
          layer,
          answers: read(`${name}/answers`),
          byClass: read(`${name}/classes`),
          most: read(`${name}/most`),
          least: read(`${name}/least`),
        }
      : null;
  });

function reading<Result>(
  context: JobContext,
  subject: ResolvedSubject,
  work: (file: { header: Header; read(name: string): Float32Array }) => Result | null,
): Result | null {
  const name = fileOf(context, subject);
  if (!existsSync(name)) return null;
  try {
    const file = openSafetensors(name);
    try {
      const header = Object.fromEntries(
        Object.entries(file.metadata).map(([key, json]): [string, unknown] => [key, JSON.parse(json)]),
      ) as unknown as Header;
      if (header.version !== 1 || header.model !== modelKey(subject)) return null;
      return work({ header, read: (array) => Float32Array.from(file.read(array)) });
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof DamagedFile || error instanceof SyntaxError) return null; // it is made again
    throw error;
  }
}

/** Collects what an evaluation compares: the scores of a run, the truth of each image, the masks; and the notes that a person must read with the figures. */
import { resolve } from 'node:path';
import type { Truth } from '../contract/evaluation.ts';
import type { Verdict } from '../contract/folder-truth.ts';
import type { EvaluateRequest } from '../contract/schemas.ts';
import { countsOf, takeOne } from '../contract/evidence.ts';
import { fewestNormals, type Evidence } from '../contract/threshold-rules.ts';
import { trainedOn } from '../contract/train-on.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural, whole } from '../contract/words.ts';
import type { Imports } from '../workspace/import.ts';
import { evidenceOfRun, scoredLater } from '../workspace/placed-threshold.ts';
import { truthOf } from '../workspace/truth.ts';
import type { JobContext } from './context.ts';
import { findMasks, type FoundMasks, type Masks } from './masks.ts';

/** What reads the truth of a workspace. */
export interface TruthInputs {
  masks: Masks;
  imports: Imports;
}

export interface Judged {
  sample: Sample;
  score: number;
  verdict: Verdict;
}

export interface Gathered {
  /** The images that are evaluated. */
  judged: Judged[];
  truth: Truth;
  /** What the threshold of the ranking is placed by. */
  evidence: Evidence;
  hasMasks: boolean;
  /** The images whose maps can be compared, with their masks: none for a normal image. */
  pixelPairs: { sample: Sample; files: NonNullable<ReturnType<FoundMasks['files']['get']>> }[];
  notes: string[];
}

/** Throws WinnowError. */
export async function gatherTruth(
  context: JobContext,
  { masks, imports }: TruthInputs,
  run: Run,
  request: EvaluateRequest,
  signal: AbortSignal,
): Promise<Gathered> {
  const { folder, table, workspaceFolder } = context;
  const notes: string[] = [];
  const samples = table.samples();
  const byId = new Map(samples.map((sample) => [sample.id, sample]));
  const file = request.truth === null ? null : await imports.read('truth', resolve(request.truth), () => samples);
  const found = await findMasks(folder, samples, request.masks, signal);
  const { hasDefect, problems } = await masks.look(found, byId, workspaceFolder, signal);
  const images = samples.filter(({ id }) => !found.own.has(id));
  const { verdicts, source, contradictory } = truthOf(images, file && new Map(file.verdicts), hasDefect);

  const scores = table.values(run.column);
  const ranked = images.filter(({ id }) => Number.isFinite(scores[id] ?? NaN));
  const known = ranked.flatMap((sample): Judged[] => {
    const verdict = verdicts.get(sample.id);
    return verdict ? [{ sample, score: scores[sample.id], verdict }] : [];
  });
  const later = scoredLater(table, run);
  const isLater = (id: number) => Number.isFinite(later?.[id] ?? NaN);
  const isOfRun = trainedOn(run);
  const isTrained = ({ id, path }: Sample) => isOfRun(path) && !isLater(id);
  const judged = withoutTrained(run, known, isTrained, notes);
  const evidence = evidenceOfRun(table, run, samples);
  const count = (isAnomalous: boolean) => judged.filter(({ verdict }) => verdict.isAnomalous === isAnomalous).length;
  const truth: Truth = {
    source,
    normal: count(false),
    anomalous: count(true),
    unknown: ranked.length - known.length,
    trained: known.length - judged.length,
  };

  if (truth.unknown) notes.push(`${plural(truth.unknown, 'image')} left out: nothing says whether they are normal.`);
  if (truth.trained) notes.push(`${plural(truth.trained, 'image')} left out: ${run.id} was trained on them.`);
  const trained = new Set(samples.filter(isTrained).map(({ sha256 }) => sha256));
  const copies = judged.filter(({ sample }) => !isTrained(sample) && trained.has(sample.sha256)).length;
  if (copies)
    notes.push(
      `${plural(copies, 'evaluated image')} ${copies === 1 ? 'is an exact copy' : 'are exact copies'} of an image that ${run.id} was trained on: the figures are too optimistic.`,
    );
  const unranked = images.filter(({ id }) => !Number.isFinite(scores[id] ?? NaN) && verdicts.has(id)).length;
  if (unranked) notes.push(`${plural(unranked, 'image')} left out: they have no score. Rank again to include them.`);
  if (contradictory.length)
    notes.push(
      `${contradictory[0]} has both tags, normal and anomalous, and is left out${contradictory.length > 1 ? `, as are ${whole(contradictory.length - 1)} more` : ''}.`,
    );
  if (file?.unmatched)
    notes.push(`${plural(file.unmatched, 'row')} of the table match no image, such as ${file.example}.`);
  if (found.own.size)
    notes.push(
      `${plural(found.own.size, 'image')} in the folder are masks and are not evaluated${run.trainOn === null ? `. ${run.id} was trained on them too: train on the normal images only` : ''}.`,
    );
  notes.push(...firstFew(problems));
  if (found.unmatched.length)
    notes.push(`${plural(found.unmatched.length, 'mask')} match no image, such as ${found.unmatched[0]}.`);
  const pixelPairs = pairsOf(judged, found, hasDefect, (sample) => run.trainOn !== null && isTrained(sample), notes);
  return { judged, truth, evidence, hasMasks: found.files.size > 0, pixelPairs, notes };
}

const firstFew = (list: readonly string[]): string[] =>
  list.length > 3 ? [...list.slice(0, 3), `${whole(list.length - 3)} more masks are not used.`] : [...list];

/**
 * Leaves out the images that the run was trained on. A class that has no others is judged by its training images that the run held out, whose scores are as those of
 * unseen images, if normal images were declared; else by all its training images. Adds a note about that.
 */
export function withoutTrained(
  run: Pick<Run, 'id' | 'trainOn' | 'normals'>,
  known: readonly Judged[],
  isTrained: (sample: Sample) => boolean,
  notes: string[],
): Judged[] {
  const heldOut = run.trainOn === null ? new Map<number, number>() : countsOf(run.normals);
  const seen: string[] = [];
  const judged = [false, true].flatMap((isAnomalous) => {
    const all = known.filter(({ verdict }) => verdict.isAnomalous === isAnomalous);
    const others = all.filter(({ sample }) => !isTrained(sample));
    if (others.length || !all.length) return others;
    const name = isAnomalous ? 'anomalous images' : 'normal images';
    const held = all.filter(({ score }) => takeOne(heldOut, score));
    if (held.length < fewestNormals) {
      seen.push(name);
      return all;
    }
    notes.push(
      `${run.id} was trained on all ${name}. ${whole(held.length)} of them are evaluated, with the scores that it gave them as unseen images.`,
    );
    return held;
  });
  if (seen.length)
    notes.push(
      `Evaluated on the images it was trained on: ${run.id} was trained on all ${seen.length === 2 ? 'images' : seen[0]}, so on new images the figures can be lower. Train on a part of the normal images for figures that hold.`,
    );
  return judged;
}

/** The images whose truth and mask agree; without normal ones that `isSeen`, since their maps are too good. Adds notes about the others. */
function pairsOf(
  judged: readonly Judged[],
  { files }: FoundMasks,
  hasDefect: ReadonlyMap<number, boolean>,
  isSeen: (sample: Sample) => boolean,
  notes: string[],
): Gathered['pixelPairs'] {
  const pixelPairs: Gathered['pixelPairs'] = [];
  let [missing, contrary, seen] = [0, 0, 0];
  if (files.size)
    for (const { sample, verdict } of judged) {
      const defect = hasDefect.get(sample.id);
      if (verdict.isAnomalous && defect === undefined) missing++;
      else if (defect !== undefined && defect !== verdict.isAnomalous) contrary++;
      else if (!verdict.isAnomalous && isSeen(sample)) seen++;
      else pixelPairs.push({ sample, files: verdict.isAnomalous ? files.get(sample.id)! : [] });
    }
  if (missing) notes.push(`${plural(missing, 'anomalous image')} without a mask left out of the pixel figures.`);
  if (seen)
    notes.push(`${plural(seen, 'image')} left out of the pixel figures: the maps are by a model that has seen them.`);
  if (contrary) notes.push(`${plural(contrary, 'image')} left out of the pixel figures: mask and truth disagree.`);
  return pixelPairs;
}

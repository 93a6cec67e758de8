/** Compares two classifiers on the images that both held out, with the labels that these images have now. */
import { largestAt } from '../compute/classify/evaluate.ts';
import { mcnemar, tangoInterval } from '../compute/measure/mcnemar.ts';
import { pairedMetrics } from '../compute/measure/paired-bootstrap.ts';
import { splitNames } from '../contract/classifier.ts';
import type { ComparedFigure } from '../contract/run-comparison.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural, whole } from '../contract/words.ts';
import { lossOf, predictedSamples, readPredictions } from '../workspace/predictions.ts';
import { cannotCompare, judge, type Compared } from './compare-verdict.ts';
import type { JobContext } from './context.ts';

interface Prediction {
  sample: Sample;
  predicted: string;
  /** Cross-entropy of the label that the image has now. */
  loss: number;
}

/** Throws WinnowError `no-run` if a run has no predictions. */
export async function compareClassifiers({ table, workspaceFolder }: JobContext, a: Run, b: Run): Promise<Compared> {
  const samples = table.samples();
  const [ofA, ofB] = [a, b].map((run) => heldOut(workspaceFolder, run, samples));
  const notes = [...ofA.notes, ...ofB.notes];
  if (a.classification?.dataHash !== b.classification?.dataHash)
    notes.push('The two were not trained on the same images, classes and splits: that is part of the difference.');
  const both = [...ofA.images.keys()].filter((id) => ofB.images.has(id)).sort((one, other) => one - other);
  const single = ofA.images.size + ofB.images.size - 2 * both.length;
  if (single) notes.push(`${plural(single, 'image')} left out: only one of the two held them out.`);
  const known = (run: Run) => new Set(run.classification?.classes);
  const [knownA, knownB] = [known(a), known(b)];
  const ids = both.filter((id) => {
    const label = ofA.images.get(id)?.sample.class as string;
    return knownA.has(label) && knownB.has(label);
  });
  if (ids.length < both.length)
    notes.push(`${plural(both.length - ids.length, 'image')} left out: only one of the two, or none, knows the class.`);
  if (!ids.length) return cannotCompare(reasonFor([a, ofA], [b, ofB]), notes);

  const classes = [...new Set([...knownA, ...knownB])].sort((one, other) =>
    one.localeCompare(other, 'en', { numeric: true }),
  );
  const place = new Map(classes.map((name, i) => [name, i]));
  const at = (images: HeldOut['images']) => ids.map((id) => images.get(id) as Prediction);
  const [inA, inB] = [at(ofA.images), at(ofB.images)];
  const arrays = (list: readonly Prediction[]) => ({
    predicted: Int32Array.from(list, ({ predicted }) => place.get(predicted) as number),
    losses: Float64Array.from(list, ({ loss }) => loss),
  });
  const labels = Int32Array.from(inA, ({ sample }) => place.get(sample.class as string) as number);
  const paired = await pairedMetrics({ classes: classes.length, labels, a: arrays(inA), b: arrays(inB) });
  const isRight = ({ sample, predicted }: Prediction) => sample.class === predicted;
  const changed = {
    gained: ids.filter((_, i) => isRight(inB[i]) && !isRight(inA[i])),
    lost: ids.filter((_, i) => isRight(inA[i]) && !isRight(inB[i])),
  };
  const [gained, lost] = [changed.gained.length, changed.lost.length];
  const figure = (
    name: Exclude<ComparedFigure['name'], 'auroc'>,
    title: string,
    more: Partial<ComparedFigure> = {},
  ): ComparedFigure => ({
    name,
    title,
    isHigherBetter: name !== 'loss',
    images: ids.length,
    a: paired.a[name],
    b: paired.b[name],
    difference: paired.b[name] - paired.a[name],
    ...paired.intervals[name],
    p: null,
    ...more,
  });
  const accuracy = figure('accuracy', 'accuracy', {
    ...tangoInterval(gained, lost, ids.length),
    p: mcnemar(gained, lost),
  });
  return {
    images: ids.length,
    figures: [
      accuracy,
      figure('balancedAccuracy', 'balanced accuracy'),
      figure('macroF1', 'macro F1'),
      figure('loss', 'mean loss'),
    ],
    confusion: { classes, ...paired.confusion },
    changed,
    agreement: null,
    ...judge(a.id, b.id, accuracy, `on ${plural(ids.length, 'image')}`),
    notes,
  };
}

interface HeldOut {
  /** By sample id: unchanged images with a class that are not rejected. */
  images: Map<number, Prediction>;
  /** The run held out some images, of which none may be left. */
  hasAny: boolean;
  notes: string[];
}

/** The images of the test split; without one, of the validation split. With folds, all: each was predicted by the model of its fold. */
function heldOut(workspaceFolder: string, run: Run, samples: readonly Sample[]): HeldOut {
  const { splits, classes, probabilities, ...rest } = readPredictions(workspaceFolder, run.id);
  const [val, test] = [splitNames.indexOf('val'), splitNames.indexOf('test')];
  const wanted = splits.includes(test) ? test : val;
  const images = new Map<number, Prediction>();
  for (const { sample, row } of predictedSamples({ ...rest, splits, classes, probabilities }, samples)) {
    if (splits[row] !== wanted || sample.class === null || sample.decision === 'reject') continue;
    const label = classes.indexOf(sample.class);
    images.set(sample.id, {
      sample,
      predicted: classes[largestAt(probabilities, row, classes.length)],
      loss: label < 0 ? NaN : lossOf(probabilities[row * classes.length + label]),
    });
  }
  const before = splits.reduce((count, split) => count + Number(split === wanted), 0);
  const notes: string[] = [];
  if (wanted === val && before)
    notes.push(
      `${run.id} has no test split. It is judged by its validation images, which chose its best epoch: its figures are somewhat too good.`,
    );
  if (images.size < before)
    notes.push(
      `${whole(before - images.size)} of the ${plural(before, 'image')} that ${run.id} held out left out: changed, gone, rejected or without a class since.`,
    );
  return { images, hasAny: before > 0, notes };
}

function reasonFor(...sides: [Run, HeldOut][]): string {
  const without = sides.find(([, { hasAny }]) => !hasAny);
  return without ? `${without[0].id} held no image out.` : 'no image was held out in both.';
}

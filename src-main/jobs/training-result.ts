/** Results of finished trainings: predictions for every image, the evaluation, mean learning curves, and a comparison with chance. */
import { evaluate, probabilitiesOf, rowsAt, temperatureOf, type Predictions } from '../compute/classify/evaluate.ts';
import type { TrainResult } from '../compute/classify/fit.ts';
import { splitNames, type Evaluation } from '../contract/classifier.ts';
import { largestOf, meanOf } from '../contract/numbers.ts';
import type { Epoch } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { positionsOf, type TrainingData } from './training-data.ts';

/** Probabilities of every image, and the evaluation on held-out images. */
export function conclude(
  { divided: { classes, trainings, division }, samples, labels }: TrainingData,
  results: readonly TrainResult[],
  seed: number,
) {
  const k = classes.length;
  const labelledOf = ({ logits }: TrainResult): Predictions => ({ logits, labels, classes: k });
  const temperatures = results.map((result, fold) =>
    temperatureOf(rowsAt(labelledOf(result), positionsOf(samples, trainings[fold], 'val'))),
  );
  const scaled = results.map(({ logits }, fold) => probabilitiesOf(logits, k, temperatures[fold]));
  // With folds: the model that was not trained on the image; for images without a class, the mean of all models.
  const foldOf = samples.map(({ id }) =>
    results.length > 1 ? trainings.findIndex((splits) => splits.get(id) === 'test') : 0,
  );
  const take = (values: readonly Float32Array[], width: number): Float32Array => {
    const out = new Float32Array(samples.length * width);
    foldOf.forEach((fold, i) => {
      for (let c = 0; c < width; c++)
        out[i * width + c] =
          fold >= 0
            ? values[fold][i * width + c]
            : values.reduce((sum, one) => sum + one[i * width + c], 0) / values.length;
    });
    return out;
  };
  const mean = (of: 'meanLoss' | 'forgotten'): Float32Array =>
    Float32Array.from(samples, (_, i) => {
      const seen = results.map((result) => result[of][i]).filter((value) => !Number.isNaN(value));
      return meanOf(seen);
    });
  const splitOf = samples.map(({ id }, i) => (results.length > 1 && foldOf[i] >= 0 ? 'test' : trainings[0].get(id)));
  const predictions = {
    probabilities: take(scaled, k),
    meanLoss: mean('meanLoss'),
    forgotten: mean('forgotten'),
    fold: Float32Array.from(foldOf, (fold) => (fold < 0 ? NaN : fold)),
    splits: Float32Array.from(splitOf, (split) => (split ? splitNames.indexOf(split) : NaN)),
  };
  const on: Evaluation['on'] = division.by === 'folds' ? 'folds' : splitOf.includes('test') ? 'test' : 'val';
  const positions = Int32Array.from(
    splitOf.flatMap((split, i) => (split === (on === 'val' ? 'val' : 'test') ? [i] : [])),
  );
  const logits =
    results.length > 1
      ? take(
          results.map((result) => result.logits),
          k,
        )
      : results[0].logits;
  const evaluation = positions.length
    ? evaluate(
        rowsAt({ logits, labels, classes: k }, positions),
        classes,
        on,
        (i) => temperatures[foldOf[positions[i]]],
        seed,
      )
    : null;
  return { predictions, evaluation };
}

/** Size and class frequencies of the first training set. */
export function classFractions({ divided: { classes, trainings }, samples, labels }: TrainingData): {
  images: number;
  shares: number[];
} {
  const train = positionsOf(samples, trainings[0], 'train');
  const counts = new Array<number>(classes.length).fill(0);
  for (const position of train) counts[labels[position]]++;
  return { images: train.length, shares: counts.map((count) => count / train.length) };
}

export const notBetterThanChance =
  'The accuracy is not better than always predicting the largest class. A lower learning rate may help; the range test suggests one.';

export const onlyCopies =
  'The training images are copies of one image, so a classifier cannot tell their classes apart.';

/** Whether every fold ends, on training and validation images, within two standard deviations of the accuracy of the largest class. */
export function isAtChanceLevel(data: TrainingData, results: readonly TrainResult[]): boolean {
  const { shares, images } = classFractions(data);
  const share = largestOf(shares);
  const chance = share + 2 * Math.sqrt((share * (1 - share)) / images);
  return results.every(({ history }) => {
    const { accuracy = 1, valAccuracy } = history.at(-1) ?? {};
    const best = Math.max(accuracy, valAccuracy ?? 0);
    return best < 1 && best <= chance;
  });
}

/** What to know about evaluated images whose class was not among the training images of their model; null if there are none. */
export function unseenNote({ divided: { classes, trainings }, samples, labels }: TrainingData): string | null {
  const unseen = new Map<string, number>();
  for (const splits of trainings) {
    const learned = new Set(Array.from(positionsOf(samples, splits, 'train'), (position) => labels[position]));
    for (const position of positionsOf(samples, splits, 'test'))
      if (!learned.has(labels[position])) {
        const name = classes[labels[position]];
        unseen.set(name, (unseen.get(name) ?? 0) + 1);
      }
  }
  if (!unseen.size) return null;
  const of = [...unseen].map(([name, images]) => `${plural(images, 'image')} of ${name}`);
  const list = of.length > 4 ? `${of.slice(0, 3).join(', ')} and of ${of.length - 3} more classes` : of.join(', ');
  return `${list}: tested with a model that saw no other image of the class, so the prediction cannot be right and counts as a mistake. Add images that are not copies of one another.`;
}

/** Mean over the folds, for the epochs that all folds have. */
export function meanHistory(results: readonly TrainResult[]): Epoch[] {
  const least = results.reduce((a, b) => (b.history.length < a.history.length ? b : a)).history;
  const mean = (values: (number | null | undefined)[]): number | null => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? meanOf(known) : null;
  };
  return least.map(({ epoch, learningRate }, i) => {
    const all = results.map(({ history }) => history[i]);
    return {
      epoch,
      learningRate,
      loss: mean(all.map(({ loss }) => loss)) as number,
      valLoss: mean(all.map(({ valLoss }) => valLoss)),
      seconds: mean(all.map(({ seconds }) => seconds)) as number,
      accuracy: mean(all.map(({ accuracy }) => accuracy)) ?? undefined,
      valAccuracy: mean(all.map(({ valAccuracy }) => valAccuracy)),
    };
  });
}

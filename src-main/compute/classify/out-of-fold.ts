/**
 * Out-of-fold probabilities for label errors: each image is predicted by heads that were not fitted to it. The folder is partitioned into folds several times.
 * For each partition and fold, one head is fitted to the embeddings of the last layer and one to the embeddings of all stages (`Pretrained.size`). The result
 * is their mean, which varies less than the result of a single partition.
 */
import { largestOf, sumOf } from '../../contract/numbers.ts';
import { readFloats } from '../../rows/row-reader.ts';
import { widthOf, type RowSet } from '../../rows/row-set.ts';
import { defineCall, type CallContext } from '../call.ts';
import { pace } from '../pace.ts';
import { random, shuffle } from '../random.ts';
import { probabilitiesOf, temperatureOf } from './evaluate.ts';
import { fitHead, headLogits, type HeadExamples } from './head.ts';

export interface OutOfFoldArgs {
  embeddings: RowSet;
  /** The first `last` numbers of an embedding are from the last layer. */
  last: number;
  /** Class index of each position, −1 for none. */
  labels: Int32Array;
  classes: number;
  /** For each partition, the fold of each position, −1 for none. */
  partitions: Int32Array[];
  /** By position: the number of the independent image; near copies have the same number. They are in one fold, and are held out together. */
  units: Int32Array;
  /** 1 if the label of the position can be judged: the probabilities are calibrated on these. */
  judged: Uint8Array;
  seed: number;
}

/** Fraction of the images of the first fit that is held out to choose the penalty. All other fits use the same penalty. */
const heldFraction = 0.2;

/** Probabilities of all positions, [n, classes], calibrated over the judged positions. A position in no fold gets the mean of all heads. */
export const outOfFold = defineCall({
  inTurn: true,
  async run(
    { embeddings, last, labels, classes, partitions, units, judged, seed }: OutOfFoldArgs,
    { signal, onEvent }: CallContext<{ done: number; total: number }>,
  ): Promise<Float32Array> {
    const yieldToEventLoop = pace(signal);
    const n = labels.length;
    const widths = [...new Set([last, widthOf(embeddings)])];
    const folds = partitions.map((folds) => largestOf(folds, -1) + 1);
    const total = widths.length * sumOf(folds);
    const sum = new Float64Array(n * classes);
    const times = new Float64Array(n);
    let done = 0;
    for (const width of widths) {
      const examples: HeadExamples = {
        codes: readFloats(embeddings, width),
        size: width,
        labels,
        classes,
        weights: null,
      };
      let penalty = 0;
      for (const [p, partition] of partitions.entries()) {
        for (let fold = 0; fold < folds[p]; fold++) {
          const learned = Int32Array.from(partition.keys()).filter((i) => partition[i] >= 0 && partition[i] !== fold);
          if (!penalty) {
            const held = heldOut(learned, units, seed);
            ({ penalty } = await fitHead(
              examples,
              learned.filter((i) => !held.has(i)),
              Int32Array.from(held),
              { refit: false, oneStandardError: true },
              yieldToEventLoop,
            ));
          }
          const { head } = await fitHead(examples, learned, new Int32Array(0), { penalty }, yieldToEventLoop);
          const probabilities = probabilitiesOf(await headLogits(head, examples.codes, width), classes);
          for (let i = 0; i < n; i++) {
            if (partition[i] !== fold && partition[i] >= 0) continue;
            times[i]++;
            for (let c = 0; c < classes; c++) sum[i * classes + c] += probabilities[i * classes + c];
          }
          onEvent({ done: ++done, total });
          await yieldToEventLoop();
        }
      }
    }
    const logits = Float32Array.from(sum, (value, at) =>
      Math.log(Math.max(1e-30, value / Math.max(1, times[Math.floor(at / classes)]))),
    );
    const given = Int32Array.from(labels.keys()).filter((i) => judged[i]);
    const known = { logits: new Float32Array(given.length * classes), labels: given.map((i) => labels[i]), classes };
    if (!given.length) return probabilitiesOf(logits, classes);
    given.forEach((i, row) => known.logits.set(logits.subarray(i * classes, (i + 1) * classes), row * classes));
    return probabilitiesOf(logits, classes, temperatureOf(known));
  },
});

/** Random images, with all their near copies: otherwise a head that memorises would seem to predict them. */
export function heldOut(learned: Int32Array, units: Int32Array, seed: number): Set<number> {
  const members = Map.groupBy(learned, (i) => units[i]);
  const most = Math.round(learned.length * heldFraction);
  const held = new Set<number>();
  for (const unit of shuffle(Int32Array.from(members.keys()), random('held', seed))) {
    const own = members.get(unit)!;
    if (held.size + own.length <= most) for (const i of own) held.add(i);
  }
  return held;
}

/** Runs images through a network, and tallies how each unit of each layer answers. */
import type { Tensor } from '@tensorflow/tfjs';
import type { RowSet } from '../../rows/row-set.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall, type CallContext } from '../call.ts';
import type { Activation } from '../ops/activation.ts';
import { pace } from '../pace.ts';
import { blockOf, Pixels } from '../pixels.ts';
import { readBack } from '../read-back.ts';
import { centreCrop } from '../train/examples.ts';
import { asGrid, placesOf } from './methods/layer-maps.ts';
import { viewOf } from './network-view.ts';
import { imagesPerPass } from './pass.ts';
import { layersOf, withSubject, type OpenSubject, type SubjectImage, type SubjectRef } from './subject.ts';
import { addImage, emptyTally, type Limits, type Tally } from './tally.ts';

export interface SurveyArgs {
  subject: SubjectRef;
  /** Squares as rows, of which the centre is taken; or a few images of any sides. */
  images: { set: RowSet; cropPx: number } | readonly SubjectImage[];
  /** The class of each image as an index, or −1. */
  labels: Int32Array;
  classes: number;
  /** The number of the first image in the tallies. */
  first: number;
}

export interface LayerTally extends Tally {
  layer: string;
  activation: Activation;
  /** In pixels of the input; null for the whole input. */
  fieldPx: number | null;
}

const limitsOf: Partial<Record<Activation, Limits>> = {
  relu6: { low: -Infinity, high: 6 - 1e-5 },
  sigmoid: { low: 0.01, high: 0.99 },
};

/** One tally per layer, in the order of computation. Throws BadParameters if the subject has no layers, and Cancelled after a cancel. */
export const survey = defineCall({
  run: (
    { subject: ref, images, labels, classes, first }: SurveyArgs,
    { signal, onEvent }: CallContext<{ done: number; total: number }>,
  ): Promise<LayerTally[]> =>
    withSubject(ref, async (subject) => {
      if (!layersOf(subject).length)
        throw new BadParameters('This method has no network, so there are no units to survey.');
      const yieldToEventLoop = pace(signal);
      const tallies = new Map(tallyOfEach(subject, ref, classes).map((tally) => [tally.layer, tally]));
      const take = async (block: readonly SubjectImage[], from: number): Promise<void> => {
        for (const { name, rows, columns, values } of outputsOf(subject, block)) {
          const tally = tallies.get(name)!;
          const all = await readBack(values);
          const size = all.length / block.length;
          block.forEach((_image, i) =>
            addImage(
              tally,
              all.subarray(i * size, (i + 1) * size),
              { rows, columns },
              { image: first + from + i, label: labels[from + i], limits: limitsOf[tally.activation] ?? null },
            ),
          );
          await yieldToEventLoop();
        }
        onEvent({ done: from + block.length, total: labels.length });
      };
      if ('set' in images) {
        const pixels = new Pixels(images.set);
        try {
          const { cropPx } = images;
          const most = imagesPerPass(layersOf(subject), blockOf(cropPx));
          for (let from = 0; from < pixels.count; from += most) {
            const positions = Int32Array.from({ length: Math.min(most, pixels.count - from) }, (_, i) => from + i);
            const rows = centreCrop(pixels.read(positions), positions.length, pixels.sizePx, cropPx);
            const size = cropPx ** 2 * 3;
            await take(
              Array.from(positions, (_, i) => ({
                bytes: rows.subarray(i * size, (i + 1) * size),
                height: cropPx,
                width: cropPx,
              })),
              from,
            );
          }
        } finally {
          pixels.close();
        }
      } else for (const [i, image] of images.entries()) await take([image], i);
      return [...tallies.values()];
    }),
});

function tallyOfEach(subject: OpenSubject, ref: SubjectRef, classes: number): LayerTally[] {
  const fields = new Map(viewOf('', subject, ref).layers.map(({ name, receptiveField }) => [name, receptiveField]));
  return layersOf(subject).map(({ name, output, activation = 'none' }) => ({
    ...emptyTally(output.at(-1)!, classes),
    layer: name,
    activation,
    fieldPx: fields.get(name)?.sizePx ?? null,
  }));
}

interface Output {
  name: string;
  rows: number;
  columns: number;
  /** [B, rows, columns, units]. */
  values: Tensor;
}

/** The outputs of all layers, to be read one after the other. Each is disposed of when its turn comes, and all if the loop ends early. */
function* outputsOf(subject: OpenSubject, images: readonly SubjectImage[]): Generator<Output> {
  const outputs: Output[] = [];
  try {
    tf.tidy(() => {
      subject.look(subject.input(images), (layer, run) => {
        const output = run();
        const places = placesOf(layer);
        const values = tf.keep((places ? asGrid(output, layer) : output).clone());
        const [rows, columns] = places
          ? values.shape.slice(1, 3)
          : [values.size / images.length / layer.output.at(-1)!, 1];
        outputs.push({ name: layer.name, rows, columns, values });
        return output;
      });
    });
    for (const output of outputs) yield output;
  } finally {
    for (const { values } of outputs) if (!values.isDisposed) values.dispose();
  }
}

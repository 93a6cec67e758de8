/** Exports the scorer of a finished ranking as ONNX: from pixels to the score and the map, with the pretrained network in front if the scorer takes its features. */
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { withSaved } from '../anomaly/saved.ts';
import type { Model, PortableBlock } from '../anomaly/scorer.ts';
import type { ScorerInputs } from '../../contract/types.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall } from '../call.ts';
import { normalised } from '../classify/transform.ts';
import { withPretrained, type Loaded } from '../embed/features.ts';
import { patchMaps } from '../embed/patches.ts';
import { usual } from '../models/pretrained.ts';
import { emitNodes } from './onnx.ts';
import { NotConvertible, OnnxWriter } from './onnx-writer.ts';
import { record, type Recording } from './trace.ts';

type Sides = readonly [height: number, width: number];

export interface PortableDetectorArgs {
  runFolder: string;
  /** The size of the images for a scorer that keeps their aspect ratio: both sides are multiples of `sideStep`. null for others. */
  sides: Sides | null;
  /** Written to the ONNX file. */
  metadata: Record<string, string>;
}

export interface PortableDetector {
  onnx: Uint8Array;
  /** The size of the image by the name of the input: `pixels`, and `square` if the scorer takes it in a second size. */
  inputs: Record<string, { height: number; width: number }>;
  /** The shapes of the outputs by name, without the axis of images: `score`, and `map` and `reconstruction` if the scorer gives them. */
  outputs: Record<string, readonly number[]>;
}

/** Throws BadParameters if this scorer, or its correction for complexity, cannot be exported. */
export const portableDetector = defineCall({
  run({ runFolder, sides, metadata }: PortableDetectorArgs): Promise<PortableDetector> {
    return withSaved(runFolder, async ({ scorer, params, model, reference }) => {
      if (reference)
        throw new BadParameters('A score with the correction for complexity cannot be exported. Rank without it.');
      const recording = await (recorders[scorer.inputs] as Recorder<ScorerInputs>)(
        model,
        sides ?? sidesOfSquare(scorer.sizePx(params) ?? usual.sizePx),
      );
      const writer = new OnnxWriter();
      try {
        emitNodes(recording, writer);
      } catch (error) {
        if (!(error instanceof NotConvertible)) throw error;
        throw new BadParameters(`${scorer.title} cannot be exported yet: ${error.message}`);
      }
      for (const [name, value] of Object.entries(recording.outputs)) writer.output(value, name);
      const outputs = Object.fromEntries(Object.entries(recording.outputs).map(([name, { shape }]) => [name, shape]));
      const shapes = Object.fromEntries(Object.entries(recording.inputs).map(([name, { shape }]) => [name, shape]));
      const inputs = Object.fromEntries(
        Object.entries(shapes).map(([name, [height, width]]) => [name, { height, width }]),
      );
      return { onnx: writer.encode('detector', shapes, outputs, metadata), inputs, outputs };
    });
  },
});

const scaled = (x: Tensor4D): Tensor4D => tf.mul(x, 1 / 255);
const named = (outputs: object): Record<string, Tensor> => ({ ...outputs }) as Record<string, Tensor>;

const sidesOfSquare = (px: number): Sides => [px, px];

/** Records the model of a scorer with these inputs. `sides`: of the image `pixels`. */
type Recorder<I extends ScorerInputs> = (model: Model<I>, sides: Sides) => Promise<Recording>;

const recorders: { [I in ScorerInputs]: Recorder<I> } = {
  pixels: (model, sides) => record({ pixels: sides }, ({ pixels }) => named(model.portable(scaled(pixels)))),
  embeddings: (model, sides) =>
    withPretrained(usual.id, (loaded) =>
      record({ pixels: sides }, ({ pixels }) => named(model.portable(embedded(loaded, pixels)))),
    ),
  patches: (model, sides) =>
    withPretrained(usual.id, (loaded) =>
      record({ pixels: sides }, ({ pixels }) => named(model.portable(patchBlock(loaded, pixels)))),
    ),
  features: (model, sides) =>
    withPretrained(usual.id, (loaded) =>
      record({ pixels: sides, square: sidesOfSquare(usual.sizePx) }, ({ pixels, square }) =>
        named(model.portable({ ...patchBlock(loaded, pixels), codes: embedded(loaded, square) })),
      ),
    ),
};

const embedded = ({ network, source }: Loaded, pixels: Tensor4D): Tensor2D =>
  network.infer(normalised(scaled(pixels), source), (input, scope): Tensor2D =>
    network.architecture.features(input, scope),
  );

const patchBlock = (loaded: Loaded, pixels: Tensor4D): PortableBlock['patches'] => {
  const kept = patchMaps(loaded, scaled(pixels)); // they would outlive the recording
  const maps = kept.map((map) => tf.clone(map));
  tf.dispose(kept);
  return { maps, grid: { rows: maps[0].shape[1], columns: maps[0].shape[2] } };
};

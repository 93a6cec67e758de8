/** Exports the scorer of a finished ranking as ONNX: from pixels to the score, with the pretrained network in front if the scorer takes embeddings. */
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { withSaved } from '../anomaly/saved.ts';
import type { Model } from '../anomaly/scorer.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall } from '../call.ts';
import { normalised } from '../classify/transform.ts';
import { withPretrained } from '../embed/features.ts';
import { usual } from '../models/pretrained.ts';
import { emitNodes } from './onnx.ts';
import { NotConvertible, OnnxWriter } from './onnx-writer.ts';
import { record, type Recording } from './trace.ts';

export interface PortableDetectorArgs {
  runFolder: string;
  /** Written to the ONNX file. */
  metadata: Record<string, string>;
}

export interface PortableDetector {
  onnx: Uint8Array;
  /** Side of the input images. */
  sizePx: number;
  /** The shapes of the outputs by name, without the axis of images: `score`, and `map` and `reconstruction` if the scorer gives them. */
  outputs: Record<string, readonly number[]>;
}

/** Throws BadParameters if this scorer, or its correction for complexity, cannot be exported. */
export const portableDetector = defineCall({
  run({ runFolder, metadata }: PortableDetectorArgs): Promise<PortableDetector> {
    return withSaved(runFolder, async ({ scorer, params, model, reference }) => {
      if (reference)
        throw new BadParameters('A score with the correction for complexity cannot be exported. Rank without it.');
      if (!model.portable) throw new BadParameters(`${scorer.title} cannot be exported yet.`);
      const recording =
        scorer.inputs === 'embeddings'
          ? await recordEmbedded(model as Model<'embeddings'>)
          : await recordPixels(model as Model<'pixels'>, scorer.sizePx(params) as number);
      const writer = new OnnxWriter();
      try {
        emitNodes(recording, writer);
      } catch (error) {
        if (!(error instanceof NotConvertible)) throw error;
        throw new BadParameters(`${scorer.title} cannot be exported yet: ${error.message}`);
      }
      for (const [name, value] of Object.entries(recording.outputs)) writer.output(value, name);
      const outputs = Object.fromEntries(Object.entries(recording.outputs).map(([name, { shape }]) => [name, shape]));
      const { shape } = recording.input;
      return { onnx: writer.encode('detector', { pixels: shape }, outputs, metadata), sizePx: shape[0], outputs };
    });
  },
});

const scaled = (x: Tensor4D): Tensor4D => tf.mul(x, 1 / 255);
const named = (outputs: object): Record<string, Tensor> => ({ ...outputs }) as Record<string, Tensor>;

const recordPixels = (model: Model<'pixels'>, sizePx: number): Promise<Recording> =>
  record(sizePx, (x) => named(model.portable!(scaled(x))));

const recordEmbedded = (model: Model<'embeddings'>): Promise<Recording> =>
  withPretrained(usual.id, ({ network, source }) =>
    record(source.sizePx, (x) =>
      named(
        model.portable!(
          network.infer(normalised(scaled(x), source), (input, scope): Tensor2D =>
            network.architecture.features(input, scope),
          ),
        ),
      ),
    ),
  );

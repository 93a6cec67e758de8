/** Exports a finished classifier for other programs: as ONNX, as a TF.js LayersModel, or both. The LayersModel is loaded and its outputs are compared with ours. */
import type { io, Tensor, Tensor4D } from '@tensorflow/tfjs';
import { sizeOf } from '../models/scope.ts';
import { tf } from '../backend.ts';
import { defineCall } from '../call.ts';
import { withClassifier } from '../classify/predict.ts';
import { normalised } from '../classify/transform.ts';
import { fillNormal, random } from '../random.ts';
import { readBack } from '../read-back.ts';
import { toLayers } from './layers.ts';
import { toOnnx } from './onnx.ts';
import { trace, withPixels, type Graph } from './trace.ts';

export interface PortableArgs {
  /** The folder of a finished run. */
  runFolder: string;
  formats: readonly ('onnx' | 'tfjs')[];
  /** Divides the logits before the softmax. */
  temperature: number;
  /** Written to the ONNX file. */
  metadata: Record<string, string>;
}

export interface PortableResult {
  classes: string[];
  transform: { sizePx: number; fit: string; cropPx: number };
  onnx?: Uint8Array;
  /** The contents of `model.json` and `weights.bin`. `difference`: the largest difference between its logits and ours for an image of noise. */
  layers?: { model: object; weights: Uint8Array; difference: number };
}

/** Throws if the run has no saved model, or if its network cannot be converted. */
export const portable = defineCall({
  run({ runFolder, formats, temperature, metadata }: PortableArgs): Promise<PortableResult> {
    return withClassifier(runFolder, async ({ network, header: { classes, transform } }) => {
      const graph = withPixels(await trace(network, transform.cropPx), transform);
      const layers = formats.includes('tfjs') ? await toLayers(graph, temperature) : undefined;
      return {
        classes,
        transform,
        onnx: formats.includes('onnx')
          ? toOnnx(graph, { temperature, metadata: { ...metadata, classes: JSON.stringify(classes) } })
          : undefined,
        layers: layers && {
          model: modelJson(layers),
          weights: new Uint8Array(layers.weightData as ArrayBuffer),
          difference: await differenceOf(layers, graph, (x) => network.infer(normalised(x, transform))),
        },
      };
    });
  },
});

const weightsFile = 'weights.bin';

/** The content of a `model.json` for `tf.loadLayersModel`; the weights are in a file beside it. */
const modelJson = ({ modelTopology, weightSpecs }: io.ModelArtifacts): object => ({
  format: 'layers-model',
  generatedBy: 'Winnow',
  convertedBy: null,
  modelTopology,
  weightsManifest: [{ paths: [weightsFile], weights: weightSpecs }],
});

/** The largest difference of the logits for an image of noise. */
async function differenceOf(
  layers: io.ModelArtifacts,
  { input: { shape } }: Graph,
  infer: (x: Tensor4D) => Tensor,
): Promise<number> {
  const model = await tf.loadLayersModel(tf.io.fromMemory(layers));
  try {
    const noise = fillNormal(new Float64Array(sizeOf(shape)), random('picture', 1));
    const pixels = Float32Array.from(noise, (v) => Math.max(0, Math.min(255, Math.round(128 + 50 * v))));
    const difference = tf.tidy(() => {
      const x = tf.tensor4d(pixels, [1, ...(shape as [number, number, number])]);
      return tf.max(tf.abs(tf.sub((model.predict(x) as Tensor[])[0], infer(tf.div(x, 255)))));
    });
    return (await readBack(difference))[0];
  } finally {
    model.dispose();
  }
}

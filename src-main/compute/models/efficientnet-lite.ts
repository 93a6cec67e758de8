/**
 * EfficientNet-Lite0 (Tan & Le 2019; the lite variant has no squeeze-and-excitation, and ReLU6 instead of swish): inverted residual blocks of a 1×1 expansion, a
 * depthwise convolution and a 1×1 projection.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import type { ConvolutionOptions } from '../ops/convolution.ts';
import { addShortcut, globalAveragePool, convolutionBlock, depthwiseBlock } from './blocks.ts';
import {
  classifier,
  defineModel,
  dropoutParameter,
  stochasticDepthParameter,
  torchEpsilon,
  type Convention,
} from './model.ts';
import type { Scope } from './scope.ts';

interface Stage {
  size: number;
  stride: number;
  expand: number;
  filters: number;
  repeat: number;
}

const stages: Stage[] = [
  { size: 3, stride: 1, expand: 1, filters: 16, repeat: 1 },
  { size: 3, stride: 2, expand: 6, filters: 24, repeat: 2 },
  { size: 5, stride: 2, expand: 6, filters: 40, repeat: 2 },
  { size: 3, stride: 2, expand: 6, filters: 80, repeat: 3 },
  { size: 5, stride: 1, expand: 6, filters: 112, repeat: 3 },
  { size: 5, stride: 2, expand: 6, filters: 192, repeat: 4 },
  { size: 3, stride: 1, expand: 6, filters: 320, repeat: 1 },
];
const all = stages.reduce((sum, { repeat }) => sum + repeat, 0);

/** With `levels`, the global averages of this stage and of all later ones are features too. */
const firstFeatureStage = 3;

/** The padding of a convolution of this size. */
type Pad = (size: number) => ConvolutionOptions['padding'];

const schema = z.object({
  padding: z
    .enum(['tensorflow', 'pytorch'])
    .default('tensorflow')
    .describe(
      'Zero padding, and epsilon of batch normalisation. Match imported weights: timm’s tf_efficientnet_lite0 uses TensorFlow’s, efficientnet_lite0 PyTorch’s.',
    )
    .meta({ title: 'Padding', group: 'Model', advanced: true }),
  levels: z
    .boolean()
    .default(false)
    .describe(
      'Classify by the global averages of the last layer alone, or also of the four stages before it: earlier stages keep textures that the last layer discards.',
    )
    .meta({ title: 'Multi-level features', group: 'Model', advanced: true }),
  dropout: dropoutParameter(0.2, 'before the classes'),
  stochasticDepth: stochasticDepthParameter(0),
});

export const efficientNetLite0 = defineModel({
  id: 'efficientnet-lite0',
  title: 'EfficientNet-Lite0',
  summary: 'Accurate for few multiplications: fast, and best with pretrained weights.',
  schema,
  build({ padding, levels, dropout, stochasticDepth }, { classes }) {
    const pad: Pad = padding === 'tensorflow' ? () => 'same' : (size) => (size - 1) / 2;
    return classifier(
      (x, scope) => {
        let h = convolutionBlock(x, 'stem', { filters: 32, stride: 2, padding: pad(3), activation: 'relu6' }, scope);
        let done = 0;
        const means: Tensor2D[] = [];
        for (const [s, stage] of stages.entries()) {
          for (let i = 0; i < stage.repeat; i++)
            h = invertedResidual(
              h,
              `stage${s}/block${i}`,
              { ...stage, stride: i === 0 ? stage.stride : 1 },
              pad,
              (stochasticDepth * ++done) / all,
              scope,
            );
          if (scope.stage?.(`stage${s}`, h)) return globalAveragePool(h, `stage${s}/mean`, scope);
          if (levels && s >= firstFeatureStage) means.unshift(globalAveragePool(h, `stage${s}/mean`, scope));
        }
        h = convolutionBlock(h, 'features', { filters: 1280, size: 1, activation: 'relu6' }, scope);
        const last = globalAveragePool(h, 'mean', scope); // [B, 1280]
        return levels ? tf.concat2d([last, ...means], 1) : last; // [B, 1280 + 320 + 192 + 112 + 80]
      },
      { classes, dropout, epsilon: padding === 'tensorflow' ? 1e-3 : torchEpsilon },
    );
  },
  foreign: () => [convention],
});

function invertedResidual(
  x: Tensor4D,
  name: string,
  { size, stride, expand, filters }: Stage,
  pad: Pad,
  rate: number,
  scope: Scope,
): Tensor4D {
  const inputs = x.shape[3];
  const wide =
    expand === 1
      ? x
      : convolutionBlock(x, `${name}/expand`, { filters: inputs * expand, size: 1, activation: 'relu6' }, scope);
  const deep = depthwiseBlock(
    wide,
    `${name}/depthwise`,
    { size, stride, padding: pad(size), activation: 'relu6' },
    scope,
  );
  const y = convolutionBlock(deep, `${name}/project`, { filters, size: 1 }, scope);
  return stride === 1 && inputs === filters ? addShortcut(y, x, name, { rate }, scope) : y;
}

const outer: Record<string, string> = {
  stem: 'conv_stem.',
  'stem/norm': 'bn1.',
  features: 'conv_head.',
  'features/norm': 'bn2.',
  head: 'classifier.',
};

const convention: Convention = {
  id: 'timm',
  prefix(layer) {
    if (layer in outer) return outer[layer];
    const [, stage, block, part, norm] = /^stage(\d)\/block(\d)\/(\w+)(\/norm)?$/.exec(layer)!;
    // In blocks without expansion, timm names the projection like the expansion of other blocks.
    const names =
      stages[Number(stage)].expand === 1
        ? { depthwise: 'conv_dw', project: 'conv_pw' }
        : { expand: 'conv_pw', depthwise: 'conv_dw', project: 'conv_pwl' };
    const at = Object.keys(names).indexOf(part);
    return `blocks.${stage}.${block}.${norm ? `bn${at + 1}` : Object.values(names)[at]}.`;
  },
};

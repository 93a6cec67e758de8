/**
 * Residual networks (He et al. 2016) as in torchvision: ResNet-18 and -34 of basic blocks, ResNet-50 of bottlenecks with the stride in the 3×3 convolution. The
 * stem for small images is a 3×3 convolution without pooling, as in the paper's CIFAR variant; for larger ones a 7×7 convolution with stride 2 and max pooling.
 * SE-ResNet adds squeeze-and-excitation at the end of each branch (Hu et al. 2018).
 */
import type { Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { sumOf } from '../../contract/numbers.ts';
import { addShortcut, globalAveragePool, convolutionBlock, pool2d, squeezeExcite } from './blocks.ts';
import {
  batchNormParameter,
  classifier,
  defineModel,
  dropoutParameter,
  stochasticDepthParameter,
  torchEpsilon,
  type Classifier,
  type ClassifierInput,
  type Convention,
  type ForeignTensors,
} from './model.ts';
import type { Scope } from './scope.ts';

/** Blocks of each stage. */
const stages = { 18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3] };

const schema = z.object({
  layers: z
    .literal([18, 34, 50])
    .default(18)
    .describe('Layers with weights. 18 is enough for most sets; 50 has wider features.')
    .meta({ title: 'Layers', group: 'Model' }),
  width: z
    .int()
    .min(4)
    .max(128)
    .default(32)
    .describe(
      'Channels of the first stage; they double with each stage. 64 as published: imported weights need it; it takes four times as long as 32.',
    )
    .meta({ title: 'Width', group: 'Model' }),
  stem: z
    .enum(['auto', 'small', 'large'])
    .default('auto')
    .describe(
      'First layers. small: 3×3 convolution at full size. large: 7×7 convolution and pooling to a quarter of the size; imported weights need it. auto: small under 100 px.',
    )
    .meta({ title: 'Stem', group: 'Model', advanced: true }),
  batchNorm: batchNormParameter(true),
  dropout: dropoutParameter(0, 'before the classes'),
  stochasticDepth: stochasticDepthParameter(0),
});
type Parameters = z.infer<typeof schema>;

interface Block {
  filters: number;
  stride: number;
  norm: boolean;
  attention: boolean;
  /** Probability that the branch is dropped (stochastic depth). */
  rate: number;
}

export const resnet = defineModel({
  id: 'resnet',
  title: 'ResNet',
  summary: 'A deep network with residual connections: a good choice for most data sets.',
  schema,
  build: (params, input) => build(params, input, false),
  foreign: () => [convention],
  foreignParameters,
});

export const seResnet = defineModel({
  id: 'se-resnet',
  title: 'SE-ResNet',
  summary: 'A ResNet with squeeze-and-excitation: a little more accurate, a little slower.',
  schema,
  build: (params, input) => build(params, input, true),
  foreign: () => [convention],
  foreignParameters,
});

function build(
  { layers, width, stem, batchNorm: norm, dropout, stochasticDepth }: Parameters,
  { sizePx, classes }: ClassifierInput,
  attention: boolean,
): Classifier {
  const counts = stages[layers];
  const all = sumOf(counts);
  const isSmall = stem === 'small' || (stem === 'auto' && sizePx < 100);
  const block = layers === 50 ? bottleneck : basicBlock;
  return classifier(
    (x, scope) => {
      let h = isSmall
        ? convolutionBlock(x, 'stem', { filters: width, padding: 1, activation: 'relu', norm }, scope)
        : pool2d(
            convolutionBlock(
              x,
              'stem',
              { filters: width, size: 7, stride: 2, padding: 3, activation: 'relu', norm },
              scope,
            ),
            'stem/pool',
            { size: 3, stride: 2, padding: 1 },
            scope,
          );
      let done = 0;
      counts.forEach((count, stage) => {
        for (let i = 0; i < count; i++) {
          const rate = (stochasticDepth * ++done) / all;
          h = block(
            h,
            `stage${stage}/block${i}`,
            { filters: width * 2 ** stage, stride: stage > 0 && i === 0 ? 2 : 1, norm, attention, rate },
            scope,
          );
        }
      });
      return globalAveragePool(h, 'mean', scope); // [B, F]
    },
    { classes, dropout, epsilon: torchEpsilon },
  );
}

function basicBlock(
  x: Tensor4D,
  name: string,
  { filters, stride, norm, attention, rate }: Block,
  scope: Scope,
): Tensor4D {
  const inner = convolutionBlock(x, `${name}/first`, { filters, stride, padding: 1, activation: 'relu', norm }, scope);
  const outer = convolutionBlock(inner, `${name}/second`, { filters, padding: 1, norm }, scope);
  return endBlock(x, outer, name, { stride, norm, attention, rate }, scope);
}

function bottleneck(
  x: Tensor4D,
  name: string,
  { filters, stride, norm, attention, rate }: Block,
  scope: Scope,
): Tensor4D {
  const narrow = convolutionBlock(x, `${name}/first`, { filters, size: 1, activation: 'relu', norm }, scope);
  const inner = convolutionBlock(
    narrow,
    `${name}/second`,
    { filters, stride, padding: 1, activation: 'relu', norm },
    scope,
  );
  const outer = convolutionBlock(inner, `${name}/third`, { filters: 4 * filters, size: 1, norm }, scope);
  return endBlock(x, outer, name, { stride, norm, attention, rate }, scope);
}

/** Adds the branch and the shortcut, which is a 1×1 convolution if the shape changes. */
function endBlock(
  x: Tensor4D,
  branch: Tensor4D,
  name: string,
  { stride, norm, attention, rate }: Omit<Block, 'filters'>,
  scope: Scope,
): Tensor4D {
  const filters = branch.shape[3];
  const weighed = attention ? squeezeExcite(branch, `${name}/se`, scope) : branch;
  const shortcut =
    stride === 1 && x.shape[3] === filters
      ? x
      : convolutionBlock(x, `${name}/past`, { filters, size: 1, stride, padding: 0, norm }, scope);
  return addShortcut(weighed, shortcut, name, { rate, activation: 'relu' }, scope);
}

function foreignParameters(tensors: ForeignTensors): Partial<Parameters> {
  const stem = tensors.get('conv1.weight')?.shape;
  return stem
    ? {
        layers: tensors.has('layer1.0.conv3.weight') ? 50 : tensors.has('layer1.2.conv1.weight') ? 34 : 18,
        width: stem[0],
        stem: stem[2] === 7 ? 'large' : 'small',
      }
    : {};
}

const ordinals = ['first', 'second', 'third'];

/** torchvision's names, which are timm's too. */
const convention: Convention = {
  id: 'torchvision and timm',
  prefix(layer) {
    if (layer === 'head') return 'fc.';
    if (layer.startsWith('stem')) return layer === 'stem' ? 'conv1.' : 'bn1.';
    const [, stage, block, part, norm] = /^stage(\d)\/block(\d+)\/([^/]+)(?:\/([^/]+))?$/.exec(layer)!;
    const before = `layer${Number(stage) + 1}.${block}.`;
    if (part === 'past') return `${before}downsample.${norm ? 1 : 0}.`;
    if (part === 'se') return `${before}se.${norm === 'squeeze' ? 'fc1' : 'fc2'}.`;
    return `${before}${norm ? 'bn' : 'conv'}${ordinals.indexOf(part) + 1}.`;
  },
};

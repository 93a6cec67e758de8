/**
 * VGG (Simonyan & Zisserman 2015) as in torchvision: stages of 3×3 convolutions, each with max pooling at its end; the last feature map is pooled to 7×7; two
 * dense layers. The initial weights of the dense layers are small, as in torchvision: with larger ones, one step of Adam over 25,000 inputs would kill all
 * ReLUs.
 */
import { z } from 'zod';
import { sumOf } from '../../contract/numbers.ts';
import { convolutionBlock, dense, flatten } from './blocks.ts';
import {
  batchNormParameter,
  classifier,
  defineModel,
  denseUnitsParameter,
  dropoutParameter,
  torchEpsilon,
} from './model.ts';

/** Convolutions of each stage. */
const stages = { 11: [1, 1, 2, 2, 2], 13: [2, 2, 2, 2, 2], 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4] };
const side = 7;
const modules: Record<string, string> = { dense0: 'classifier.0.', dense1: 'classifier.3.', head: 'classifier.6.' };

const schema = z.object({
  layers: z
    .literal([11, 13, 16, 19])
    .default(11)
    .describe('Layers with weights: eight to sixteen convolutions and three dense ones.')
    .meta({ title: 'Layers', group: 'Model' }),
  width: z
    .int()
    .min(4)
    .max(64)
    .default(64)
    .describe('Channels of the first stage; later ones have up to eight times as many. 64 is the published network.')
    .meta({ title: 'Width', group: 'Model' }),
  dense: denseUnitsParameter,
  batchNorm: batchNormParameter(true),
  dropout: dropoutParameter(0.5, 'after each dense layer'),
});

export const vgg = defineModel({
  id: 'vgg',
  title: 'VGG',
  summary: 'Stacks of 3×3 convolutions. Large and slow, but its features are popular for comparing images.',
  schema,
  usual: { learningRate: 0.0003 },
  build({ layers, width, dense: units, batchNorm, dropout }, { sizePx, classes }) {
    if (sizePx < 32)
      throw new Error(
        `VGG halves its images five times, so they need at least 32 px, and these are ${sizePx} px: choose a larger size, or another model.`,
      );
    return classifier(
      (x, scope) => {
        let h = x;
        stages[layers].forEach((count, stage) => {
          const filters = width * Math.min(8, 2 ** stage);
          for (let i = 0; i < count; i++)
            h = convolutionBlock(
              h,
              `stage${stage}/conv${i}`,
              { filters, padding: 1, pool: i === count - 1 ? 2 : 1, activation: 'relu', norm: batchNorm },
              scope,
            );
        });
        let row = flatten(h, 'grid', side, scope); // [B, 49 · 8 · width]
        row = scope.dropout('dense0', dense(row, units, 'dense0', scope, 'relu', { deviation: 0.01 }), dropout);
        return scope.dropout('dense1', dense(row, units, 'dense1', scope, 'relu', { deviation: 0.01 }), dropout); // [B, dense]
      },
      { classes, epsilon: torchEpsilon },
    );
  },
  foreignParameters(tensors) {
    const [first, dense] = ['features.0.weight', 'classifier.0.weight'].map((name) => tensors.get(name)?.shape[0]);
    const convolutions = [...tensors].filter(
      ([name, { shape }]) => name.startsWith('features.') && shape.length === 4,
    ).length;
    return first && dense
      ? {
          layers: (convolutions + 3) as keyof typeof stages,
          width: first,
          dense,
          batchNorm: tensors.has('features.1.running_mean'),
        }
      : {};
  },
  foreign: ({ layers, batchNorm }) => [
    {
      id: 'torchvision',
      flattened: { dense0: side },
      prefix: (layer) => modules[layer] ?? `features.${place(stages[layers], layer, batchNorm)}.`,
    },
  ],
});

/** The index of a layer in torchvision's `features`, which lists convolution, normalisation and ReLU in turn, and a pooling after each stage. */
function place(counts: number[], layer: string, batchNorm: boolean): number {
  const [, stage, conv, norm] = /^stage(\d+)\/conv(\d+)(\/norm)?$/.exec(layer)!;
  const before = sumOf(counts.slice(0, Number(stage))) + Number(conv);
  return before * (batchNorm ? 3 : 2) + Number(stage) + (norm ? 1 : 0);
}

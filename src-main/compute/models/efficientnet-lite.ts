/**
 * EfficientNet-Lite0 (Tan & Le 2019; the 'lite' variant has no squeeze-and-excitation, and ReLU6 for swish): inverted residuals of a
 * 1×1 expansion, a depthwise convolution and a 1×1 projection.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { convolutionBlock, dense, depthwiseBlock } from './blocks.ts';
import type { Architecture, Scope } from './network.ts';

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

export function efficientNetLite0({ classes }: { classes: number }): Architecture {
  return {
    forward(x, scope) {
      let h = convolutionBlock(x, 'stem', { filters: 32, stride: 2, activation: 'relu6' }, scope);
      stages.forEach((stage, s) => {
        for (let i = 0; i < stage.repeat; i++) h = invertedResidual(h, `stage${s}/block${i}`, stage, i === 0 ? stage.stride : 1, scope);
      });
      h = convolutionBlock(h, 'features', { filters: 1280, size: 1, activation: 'relu6' }, scope);
      return dense(tf.mean(h, [1, 2]) as Tensor2D, classes, 'head', scope); // [B, classes]
    },
  };
}

function invertedResidual(x: Tensor4D, name: string, { size, expand, filters }: Stage, stride: number, scope: Scope): Tensor4D {
  const inputs = x.shape[3];
  const wide = expand === 1 ? x : convolutionBlock(x, `${name}/expand`, { filters: inputs * expand, size: 1, activation: 'relu6' }, scope);
  const deep = depthwiseBlock(wide, `${name}/depthwise`, { size, stride, activation: 'relu6' }, scope);
  const y = convolutionBlock(deep, `${name}/project`, { filters, size: 1 }, scope);
  return stride === 1 && inputs === filters ? tf.add(y, x) : y;
}

/**
 * Residual networks of basic blocks (He et al. 2016), ResNet-18 and -34. Images under 100 px enter by a 3×3 convolution without pooling, as
 * in the paper's CIFAR variant; larger ones by 7×7 at stride 2 and max pooling.
 */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { addActivate } from '../ops/add.ts';
import { maxPool } from '../ops/pool.ts';
import { convolutionBlock, dense } from './blocks.ts';
import type { Architecture, Scope } from './network.ts';

export interface ResNet {
  sizePx: number;
  classes: number;
  /** Basic blocks of each stage; [2, 2, 2, 2] is ResNet-18, [3, 4, 6, 3] ResNet-34. */
  blocks: number[];
  /** Channels of the first stage, doubled at each further one. */
  width: number;
}

export function resnet({ sizePx, classes, blocks, width }: ResNet): Architecture {
  return {
    forward(x, scope) {
      let h = sizePx < 100
        ? convolutionBlock(x, 'stem', { filters: width, padding: 1, activation: 'relu' }, scope)
        : maxPool(convolutionBlock(x, 'stem', { filters: width, size: 7, stride: 2, padding: 3, activation: 'relu' }, scope), 3, 2, 1);
      blocks.forEach((count, stage) => {
        for (let i = 0; i < count; i++) h = basicBlock(h, `stage${stage}/block${i}`, width * 2 ** stage, stage > 0 && i === 0 ? 2 : 1, scope);
      });
      return dense(tf.mean(h, [1, 2]) as Tensor2D, classes, 'head', scope); // [B, classes]
    },
  };
}

function basicBlock(x: Tensor4D, name: string, filters: number, stride: number, scope: Scope): Tensor4D {
  const inner = convolutionBlock(x, `${name}/first`, { filters, stride, padding: 1, activation: 'relu' }, scope);
  const outer = convolutionBlock(inner, `${name}/second`, { filters, padding: 1 }, scope);
  const past = stride === 1 && x.shape[3] === filters ? x : convolutionBlock(x, `${name}/past`, { filters, size: 1, stride, padding: 0 }, scope);
  return addActivate(outer, past, 'relu');
}

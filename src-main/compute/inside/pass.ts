/** How many images go through a network at once: enough to keep the cores busy, few enough that a pass with gradients takes about half a second and a gigabyte. */
import { sumOf } from '../../contract/numbers.ts';
import { sizeOf, type Layer } from '../models/scope.ts';

/** Multiply-accumulates and outputs of layers in a pass. */
const [mostMacs, mostOutputs] = [2 ** 32, 2 ** 26];

/**
 * Images per pass, at least 1 and at most `most`. A cancel waits for the end of a pass, and so does a training that runs meanwhile: a pass that takes seconds would end the
 * process of both.
 */
export function imagesPerPass(layers: readonly Layer[], most: number): number {
  const macs = sumOf(layers.map((layer) => layer.macs));
  const outputs = sumOf(layers.map(({ output, inner = 0 }) => sizeOf(output) + inner));
  return Math.max(1, Math.min(most, Math.floor(mostMacs / macs), Math.floor(mostOutputs / outputs)));
}

/** Summarises a classifier layer by layer without building it. Figures match those that torchvision publishes. */
import { declare, type Declaration } from './declare.ts';
import type { Architecture } from './network.ts';
import { sizeOf } from './scope.ts';

export interface ModelSummary {
  layers: Declaration['layers'];
  beside: Declaration['beside'];
  parameters: number;
  /** Multiplications, each with its addition, for one image; of convolutions, dense layers and attention's products, as torchvision counts them. */
  macs: number;
  /** What all layers put out for one image, as floats. Training holds several times as much (train/memory.ts). */
  activationBytes: number;
}

export function summarise(architecture: Architecture, sizePx: number): ModelSummary {
  const { layers, beside } = declare(architecture.forward, [sizePx, sizePx, 3]);
  const sum = (of: (layer: ModelSummary['layers'][number]) => number): number =>
    layers.reduce((total, layer) => total + of(layer), 0);
  return {
    layers,
    beside,
    parameters: sum((layer) => layer.parameters),
    macs: sum((layer) => layer.macs),
    activationBytes: sum((layer) => 4 * sizeOf(layer.output)),
  };
}

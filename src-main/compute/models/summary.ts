/** Summarises a classifier layer by layer without building it. The figures equal those that torchvision publishes. */
import { declare, type Declaration } from './declare.ts';
import type { Architecture } from './network.ts';
import { sizeOf } from './scope.ts';

export interface ModelSummary {
  layers: Declaration['layers'];
  extra: Declaration['extra'];
  parameters: number;
  /** Multiply-accumulates for one image, as in `Layer`. */
  macs: number;
  /** The outputs of all layers for one image in float32. Training needs several times as much (`train/memory.ts`). */
  activationBytes: number;
}

/** The layers and totals for images of this side. */
export function summarise(architecture: Architecture, sizePx: number): ModelSummary {
  const { layers, extra } = declare(architecture.forward, [sizePx, sizePx, 3]);
  const sum = (of: (layer: ModelSummary['layers'][number]) => number): number =>
    layers.reduce((total, layer) => total + of(layer), 0);
  return {
    layers,
    extra,
    parameters: sum((layer) => layer.parameters),
    macs: sum((layer) => layer.macs),
    activationBytes: sum((layer) => 4 * sizeOf(layer.output)),
  };
}

/**
 * AlexNet as in torchvision: one column (Krizhevsky 2014), no local response normalisation, the last feature map pooled to 6×6 for any image size. It has no
 * normalisation, so it needs a low learning rate, and dense layers with small initial weights (deviation 0.01, as published).
 */
import { z } from 'zod';
import { convolutionBlock, dense, flatten, pool2d } from './blocks.ts';
import { classifier, defineModel, denseUnitsParameter, dropoutParameter } from './model.ts';

/** `wide`: channels relative to the first layer; `size`: of the window; `index`: of the module in torchvision's `features`. */
const convolutions = [
  { wide: 1, size: 11, stride: 4, padding: 2, pool: true, index: 0 },
  { wide: 3, size: 5, stride: 1, padding: 2, pool: true, index: 3 },
  { wide: 6, size: 3, stride: 1, padding: 1, pool: false, index: 6 },
  { wide: 4, size: 3, stride: 1, padding: 1, pool: false, index: 8 },
  { wide: 4, size: 3, stride: 1, padding: 1, pool: true, index: 10 },
];
const side = 6;
const modules: Record<string, string> = { dense0: 'classifier.1.', dense1: 'classifier.4.', head: 'classifier.6.' };

const schema = z.object({
  width: z
    .int()
    .min(4)
    .max(64)
    .default(64)
    .describe('Channels of the first layer; 64 is the published network.')
    .meta({ title: 'Width', group: 'Model' }),
  dense: denseUnitsParameter,
  dropout: dropoutParameter(0.5, 'before each dense layer'),
});

export const alexnet = defineModel({
  id: 'alexnet',
  title: 'AlexNet',
  summary:
    'The first widely used deep network (2012): five convolutions and two large dense layers. For comparison; newer ones are better.',
  schema,
  usual: { learningRate: 0.0003 },
  build({ width, dense: units, dropout }, { sizePx, classes }) {
    if (sizePx < 63)
      throw new Error(
        `AlexNet needs images of at least 63 px, and these are ${sizePx} px: choose a larger size, or another model.`,
      );
    return classifier(
      (x, scope) => {
        let h = x;
        convolutions.forEach(({ wide, size, stride, padding, pool }, i) => {
          h = convolutionBlock(
            h,
            `conv${i}`,
            { filters: width * wide, size, stride, padding, activation: 'relu', norm: false },
            scope,
          );
          if (pool) h = pool2d(h, `conv${i}/pool`, { size: 3, stride: 2 }, scope);
        });
        let row = scope.dropout('dense0', flatten(h, 'grid', side, scope), dropout); // [B, 36 · 4 · width]
        row = scope.dropout('dense1', dense(row, units, 'dense0', scope, 'relu', { deviation: 0.01 }), dropout);
        return dense(row, units, 'dense1', scope, 'relu', { deviation: 0.01 }); // [B, dense]
      },
      { classes },
    );
  },
  foreign: () => [
    {
      id: 'torchvision',
      flattened: { dense0: side },
      prefix: (layer) => modules[layer] ?? `features.${convolutions[Number(layer.slice('conv'.length))].index}.`,
    },
  ],
  foreignParameters(tensors) {
    const [first, dense] = ['features.0.weight', 'classifier.1.weight'].map((name) => tensors.get(name)?.shape[0]);
    return first && dense ? { width: first, dense } : {};
  },
});

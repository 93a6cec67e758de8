/** Reconstruction from the principal components of the training images: a baseline without training, often hard to beat if all images have the same framing. */
import { z } from 'zod';
import { holdOut } from '../train/batches.ts';
import { componentsParameter, fitComponents, linearModel, type Components } from './components.ts';
import { squaredErrors } from './error-map.ts';
import { fitNormalErrors, normalErrorsFrom, tensorsOf, type NormalErrors } from './normal-errors.ts';
import { reconstructionOutputs, scoredByErrors, scoreParameters } from './reconstruction.ts';
import { defineScorer, type Model } from './scorer.ts';

const schema = z.object({ ...scoreParameters, components: componentsParameter });

export const pca = defineScorer({
  id: 'pca',
  title: 'Principal components',
  short: 'PCA',
  summary:
    'Error of the reconstruction from the principal components (PCA). No training; a good baseline for the others.',
  inputs: 'pixels',
  gives: reconstructionOutputs,
  schema,
  async fit({ components: wanted, validation }, { images: pixels, train: all, seed, onEvent, yieldToEventLoop }) {
    const startedAt = performance.now();
    const { train, held } = holdOut(all, validation, seed);
    const components = await fitComponents(wanted, pixels, train, seed, yieldToEventLoop, (done, total) =>
      onEvent({ stage: 'components', done, total }),
    );
    const linear = linearModel(components);
    try {
      const normal = await fitNormalErrors(
        { reconstruct: linear.reconstruct, errors: squaredErrors },
        pixels,
        train,
        yieldToEventLoop,
        (done, total) => onEvent({ stage: 'errors', done, total }),
      );
      const seconds = (performance.now() - startedAt) / 1000;
      return {
        model: componentModel(components, normal),
        heldOut: held,
        imagesPerSecond: train.length / Math.max(1e-9, seconds),
      };
    } finally {
      linear.dispose();
    }
  },
  restore: (_params, { mean, components, ...arrays }) =>
    componentModel({ mean, components }, normalErrorsFrom('normal', arrays)),
});

function componentModel(components: Components, normal: NormalErrors): Model<'pixels'> {
  const linear = linearModel(components);
  const { mean } = components;
  return scoredByErrors(
    {
      ...linear,
      tensors: async () => ({
        arrays: { ...components, ...tensorsOf('normal', normal) },
        shapes: { components: [components.components.length / mean.length, mean.length] },
      }),
    },
    [{ reconstruct: linear.reconstruct, errors: squaredErrors, normal }],
  );
}

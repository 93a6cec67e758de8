/** What the training of any architecture asks for: how images come to the network and how it is trained. The model's own parameters and the augmentation's stand beside these. */
import { z } from 'zod';
import { initialisations } from '../models/initialise.ts';
import { scheduleIds } from '../train/schedules.ts';

const image = { group: 'Image' };
const training = { group: 'Training' };

export const imageParameters = {
  sizePx: z
    .literal([32, 48, 64, 96, 128, 160, 192, 224, 256])
    .default(64)
    .describe('Images are brought to a square of this size.')
    .meta({ title: 'Size', unit: 'px', ...image }),
  cropPx: z
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe('Side of the square that is cut out, at random in training, else from the middle; 0 for the whole image.')
    .meta({ title: 'Crop', unit: 'px', advanced: true, ...image }),
  fit: z
    .enum(['stretch', 'cover', 'contain'])
    .default('stretch')
    .describe('How an image becomes a square: stretched, its middle, or the whole with black beside.')
    .meta({ title: 'Fit', advanced: true, ...image }),
  normalisation: z
    .enum(['images', 'imagenet', 'none'])
    .default('images')
    .describe(
      'Mean and spread that colours are brought to: those of the training images, those of ImageNet, or as they are.',
    )
    .meta({ title: 'Normalisation', advanced: true, ...image }),
};

export const trainingParameters = {
  epochs: z
    .int()
    .min(1)
    .max(10000)
    .default(60)
    .describe('Passes over the training images.')
    .meta({ title: 'Epochs', ...training }),
  batch: z
    .int()
    .min(0)
    .max(1024)
    .default(32)
    .describe('Images a step; 0 for as many as fit into memory.')
    .meta({ title: 'Batch', ...training }),
  optimizer: z
    .enum(['adamw', 'adam', 'sgd', 'rmsprop'])
    .default('adamw')
    .describe('How the gradient becomes a step.')
    .meta({ title: 'Optimizer', ...training }),
  learningRate: z
    .number()
    .positive()
    .max(10)
    .default(0.002)
    .describe('At its highest. The range test finds one.')
    .meta({ title: 'Learning rate', step: 0.0005, ...training }),
  schedule: z
    .enum(scheduleIds)
    .default('cosine')
    .describe('How the learning rate moves over the training.')
    .meta({ title: 'Schedule', ...training }),
  warmUp: z
    .number()
    .min(0)
    .max(1000)
    .default(1)
    .describe('Epochs in which the learning rate rises to its highest.')
    .meta({ title: 'Warm-up', unit: 'epochs', step: 0.5, advanced: true, ...training }),
  every: z
    .int()
    .min(1)
    .max(10000)
    .default(20)
    .describe('Epochs between two falls of the step schedule; epochs without gain before plateau falls.')
    .meta({ title: 'Fall every', unit: 'epochs', advanced: true, ...training }),
  fall: z
    .number()
    .min(0.0001)
    .max(1)
    .default(0.1)
    .describe(
      'What the learning rate is multiplied by at a fall; over the whole training for the exponential schedule.',
    )
    .meta({ title: 'Fall to', step: 0.05, advanced: true, ...training }),
  momentum: z
    .number()
    .min(0)
    .max(0.999)
    .default(0.9)
    .describe('Of SGD and RMSProp.')
    .meta({ title: 'Momentum', step: 0.05, advanced: true, ...training }),
  weightDecay: z
    .number()
    .min(0)
    .max(1)
    .default(0.02)
    .describe('Pulls the kernels towards zero.')
    .meta({ title: 'Weight decay', step: 0.005, ...training }),
  loss: z
    .enum(['cross-entropy', 'focal'])
    .default('cross-entropy')
    .describe('Focal counts less what is known already.')
    .meta({ title: 'Loss', advanced: true, ...training }),
  focus: z
    .number()
    .min(0)
    .max(10)
    .default(2)
    .describe('How much less the focal loss counts what is known.')
    .meta({ title: 'Focus', step: 0.5, advanced: true, ...training }),
  smoothing: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('Share of each label that is spread over all classes.')
    .meta({ title: 'Label smoothing', step: 0.05, advanced: true, ...training }),
  classWeights: z
    .enum(['none', 'balanced'])
    .default('none')
    .describe('Balanced: a class counts as much as another, however many images it has.')
    .meta({ title: 'Class weights', ...training }),
  average: z
    .number()
    .min(0)
    .max(0.9999)
    .default(0)
    .describe('Decay of a moving average of the weights, which then is the model; 0 for none, 0.99 to 0.999 are usual.')
    .meta({ title: 'Average weights', step: 0.001, advanced: true, ...training }),
  clip: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .describe('Norm of the gradient at most; 0 for no bound.')
    .meta({ title: 'Clip gradient', step: 0.5, advanced: true, ...training }),
  watch: z
    .enum(['loss', 'accuracy'])
    .default('loss')
    .describe('What on the validation images says which epoch was best.')
    .meta({ title: 'Best by', advanced: true, ...training }),
  patience: z
    .int()
    .min(0)
    .max(10000)
    .default(0)
    .describe('Epochs without a better one before training stops; 0 for never.')
    .meta({ title: 'Patience', unit: 'epochs', ...training }),
  minSteps: z
    .int()
    .min(1)
    .max(1000)
    .default(8)
    .describe('Least steps an epoch: a small set passes several times.')
    .meta({ title: 'Steps an epoch, at least', advanced: true, ...training }),
  initialisation: z
    .enum(initialisations)
    .default('default')
    .describe('What the first weights are drawn from.')
    .meta({ title: 'First weights', advanced: true, ...training }),
};

const transfer = { group: 'Transfer' };

/** Beside the training's, where all of a network is trained that has learned before. */
export const transferParameters = {
  layerRate: z
    .number()
    .min(0)
    .max(1)
    .default(0.75)
    .describe(
      'What each stage further from the classes multiplies the learning rate by: edges and textures need less change than things. 1 for one rate everywhere.',
    )
    .meta({ title: 'Rate, stage to stage', step: 0.05, ...transfer }),
  norms: z
    .enum(['frozen', 'batch'])
    .default('frozen')
    .describe(
      'What normalisations go by while training: the means and variances that came with the weights, or those of each batch, which are noisy where batches are small.',
    )
    .meta({ title: 'Normalisations', ...transfer }),
};

/** All that the head alone asks for. */
export const headParameters = {
  penalty: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .describe('How firmly the weights are held small; 0 to find what serves the validation images best.')
    .meta({ title: 'Penalty', step: 0.01, ...training }),
  classWeights: trainingParameters.classWeights,
};

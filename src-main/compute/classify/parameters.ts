/**
 * The parameters that the training of all architectures has in common: the image size and the training itself. A model adds its own parameters and those of
 * augmentation.
 */
import { z } from 'zod';
import { initialisations } from '../models/initialise.ts';
import { minStepsParameter } from '../train/parameters.ts';
import { scheduleIds } from '../train/schedules.ts';

const image = { group: 'Image' };
const training = { group: 'Training' };

export const imageParameters = {
  sizePx: z
    .literal([32, 48, 64, 96, 128, 160, 192, 224, 256])
    .default(64)
    .describe('Images are resized to a square of this size.')
    .meta({ title: 'Size', unit: 'px', ...image }),
  cropPx: z
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe('Side of the square crop: random in training, else the centre; 0 for the whole image.')
    .meta({ title: 'Crop', unit: 'px', advanced: true, ...image }),
  fit: z
    .enum(['stretch', 'cover', 'contain'])
    .default('stretch')
    .describe('How an image is made square: stretched, center-cropped, or padded with black.')
    .meta({ title: 'Fit', advanced: true, ...image }),
  normalisation: z
    .enum(['images', 'imagenet', 'none'])
    .default('images')
    .describe('Mean and standard deviation that normalise the channels: of the training images, of ImageNet, or none.')
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
    .describe('Images per step; 0 for as many as fit into memory.')
    .meta({ title: 'Batch', ...training }),
  optimizer: z
    .enum(['adamw', 'adam', 'sgd', 'rmsprop'])
    .default('adamw')
    .describe('The optimizer that turns gradients into weight updates.')
    .meta({ title: 'Optimizer', ...training }),
  learningRate: z
    .number()
    .positive()
    .max(10)
    .default(0.002)
    .describe('The highest learning rate of the schedule. The range test suggests one.')
    .meta({ title: 'Learning rate', step: 0.0005, ...training }),
  schedule: z
    .enum(scheduleIds)
    .default('cosine')
    .describe('How the learning rate changes during training.')
    .meta({ title: 'Schedule', ...training }),
  warmUp: z
    .number()
    .min(0)
    .max(1000)
    .default(1)
    .describe('Epochs over which the learning rate rises to its maximum.')
    .meta({ title: 'Warm-up', unit: 'epochs', step: 0.5, advanced: true, ...training }),
  every: z
    .int()
    .min(1)
    .max(10000)
    .default(20)
    .describe(
      'Step schedule: epochs between two reductions. Plateau schedule: epochs without improvement before a reduction.',
    )
    .meta({ title: 'Reduce every', unit: 'epochs', advanced: true, ...training }),
  fall: z
    .number()
    .min(0.0001)
    .max(1)
    .default(0.1)
    .describe('Factor of each reduction of the learning rate; of the whole training for the exponential schedule.')
    .meta({ title: 'Factor', step: 0.05, advanced: true, ...training }),
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
    .describe('Weight decay of the kernels.')
    .meta({ title: 'Weight decay', step: 0.005, ...training }),
  loss: z
    .enum(['cross-entropy', 'focal'])
    .default('cross-entropy')
    .describe('Cross-entropy, or focal loss, which gives well-classified images less weight.')
    .meta({ title: 'Loss', advanced: true, ...training }),
  focus: z
    .number()
    .min(0)
    .max(10)
    .default(2)
    .describe('Gamma of the focal loss: higher values give well-classified images less weight.')
    .meta({ title: 'Gamma', step: 0.5, advanced: true, ...training }),
  smoothing: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('Fraction of each label that is spread over all classes.')
    .meta({ title: 'Label smoothing', step: 0.05, advanced: true, ...training }),
  classWeights: z
    .enum(['none', 'balanced'])
    .default('none')
    .describe('Balanced: each class has the same total weight, however many images it has.')
    .meta({ title: 'Class weights', ...training }),
  average: z
    .number()
    .min(0)
    .max(0.9999)
    .default(0)
    .describe(
      'Decay of an exponential moving average of the weights, which becomes the model; 0 for none, 0.99 to 0.999 are usual.',
    )
    .meta({ title: 'Weight averaging (EMA)', step: 0.001, advanced: true, ...training }),
  clip: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .describe('Maximum norm of the gradient; 0 for no clipping.')
    .meta({ title: 'Clip gradient', step: 0.5, advanced: true, ...training }),
  watch: z
    .enum(['loss', 'accuracy'])
    .default('loss')
    .describe('The validation metric that selects the best epoch.')
    .meta({ title: 'Monitor', advanced: true, ...training }),
  patience: z
    .int()
    .min(0)
    .max(10000)
    .default(0)
    .describe('Epochs without improvement before training stops; 0 for never.')
    .meta({ title: 'Patience', unit: 'epochs', ...training }),
  minSteps: minStepsParameter(8, training),
  initialisation: z
    .enum(initialisations)
    .default('default')
    .describe('Distribution of the initial weights.')
    .meta({ title: 'Initialisation', advanced: true, ...training }),
};

const transfer = { group: 'Transfer' };

/** Additional parameters of the modes that train a whole pretrained network. */
export const transferParameters = {
  layerRate: z
    .number()
    .min(0)
    .max(1)
    .default(0.75)
    .describe(
      'Layer-wise decay: each stage further from the classes multiplies the learning rate by this factor. 1 for the same rate everywhere.',
    )
    .meta({ title: 'Layer-wise decay', step: 0.05, ...transfer }),
  norms: z
    .enum(['frozen', 'batch'])
    .default('frozen')
    .describe(
      'Statistics that batch normalisation uses in training: the pretrained means and variances, or those of each batch, which are noisy if batches are small.',
    )
    .meta({ title: 'Batch statistics', ...transfer }),
};

/** All training parameters of the mode `head`. */
export const headParameters = {
  penalty: z
    .number()
    .min(0)
    .max(1000)
    .default(0)
    .describe('Strength of the L2 penalty; 0 to select the one with the lowest validation loss.')
    .meta({ title: 'Penalty', step: 0.01, ...training }),
  classWeights: trainingParameters.classWeights,
};

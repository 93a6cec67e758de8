/** The registry of methods that explain an output, in the order of lists. A new one is one file and one entry here. */
import { attentionRollout, channelWeights } from './attention.ts';
import { gradCam, gradCamPlusPlus, hiResCam, layerCamMethod } from './cam.ts';
import { integratedGradients } from './integrated.ts';
import type { Method } from './method.ts';
import { occlusion } from './occlusion.ts';
import { guidedGradCam, saliency, smoothGrad } from './saliency.ts';

export type { Method } from './method.ts';

export const methods: readonly Method[] = [
  gradCam,
  gradCamPlusPlus,
  hiResCam,
  layerCamMethod,
  guidedGradCam,
  saliency,
  smoothGrad,
  integratedGradients,
  occlusion,
  attentionRollout,
  channelWeights,
];

/** Undefined if no method has this id. */
export const methodOf = (id: string): Method | undefined => methods.find((method) => method.id === id);

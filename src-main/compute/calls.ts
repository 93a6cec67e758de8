/** All calls of the compute process, by name. Only `compute.ts` loads this module; the engine imports only its types, which loads no tensors. */
import { estimate, fit } from './anomaly/fit.ts';
import { map, reconstruct, unlike } from './anomaly/map.ts';
import { score } from './anomaly/score.ts';
import { backend } from './backend.ts';
import { train } from './classify/fit.ts';
import { outOfFold } from './classify/out-of-fold.ts';
import { predict } from './classify/predict.ts';
import { rangeTest } from './classify/range-test.ts';
import { summarise } from './classify/summarise.ts';
import { trainHead } from './classify/train-head.ts';
import { embed } from './embed/codes.ts';
import { distance, features } from './embed/features.ts';
import { layout } from './embed/layout.ts';
import { pairs } from './embed/pairs.ts';
import { patches } from './embed/patches.ts';
import { explain, explanationMethods, faithfulness, networkView, sanity, voteForLayer } from './inside/explain.ts';
import { featureMaps, featureThumbs } from './inside/feature-maps.ts';
import { filters } from './inside/filters.ts';
import { decode } from './inside/decode.ts';
import { maximise } from './inside/maximise.ts';
import { survey } from './inside/survey.ts';
import { importance, suggest, surrogate } from './search/calls.ts';
import { portableDetector } from './portable/export-detector.ts';
import { portable } from './portable/export-model.ts';

export const calls = {
  backend,
  decode,
  distance,
  embed,
  estimate,
  explain,
  explanationMethods,
  faithfulness,
  featureMaps,
  features,
  featureThumbs,
  filters,
  fit,
  importance,
  layout,
  map,
  maximise,
  networkView,
  outOfFold,
  pairs,
  patches,
  portable,
  portableDetector,
  predict,
  rangeTest,
  reconstruct,
  sanity,
  score,
  suggest,
  summarise,
  surrogate,
  survey,
  train,
  trainHead,
  unlike,
  voteForLayer,
};

export type Calls = typeof calls;
export type CallName = keyof Calls;
export type ArgsOf<Name extends CallName> = Parameters<Calls[Name]['run']>[0];
export type ResultOf<Name extends CallName> = Awaited<ReturnType<Calls[Name]['run']>>;
export type EventOf<Name extends CallName> = Parameters<Parameters<Calls[Name]['run']>[1]['onEvent']>[0];

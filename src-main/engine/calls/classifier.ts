/** Classifiers: advice and division before a training, the training, and what a finished one predicts. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { advise } from '../../jobs/advice.ts';
import { divide } from '../../workspace/division.ts';
import { predictJob } from '../../jobs/predict.ts';
import { probabilitiesOf, readPredictions } from '../../workspace/predictions.ts';
import { takeAwayJob } from '../../jobs/take-away.ts';
import { rangeTestJob } from '../../jobs/range-test.ts';
import { trainJob } from '../../jobs/train.ts';
import type { CallContext } from './context.ts';

export const classifierCalls = (context: CallContext) =>
  ({
    advise: () => advise(context),
    divide: (request) => divide(context.table.samples(), context.groups.list(), request).division,
    train: (request) => context.start(trainJob, request),
    rangeTest: (request) => context.start(rangeTestJob, request),
    predict: (request) => context.start(predictJob, request),
    takeAway: (request) => context.start(takeAwayJob, request),
    preview: (request) => context.previews.make(request),
    probabilities({ runId, sampleId }) {
      const sample = context.table.sample(sampleId);
      if (!sample) return [];
      return probabilitiesOf(readPredictions(context.workspaceFolder, context.runs.get(runId).id), sample);
    },
  }) satisfies WorkspaceCalls['classifier'];

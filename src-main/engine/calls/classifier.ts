/** Classifiers: advice and data split before a training, the training, and the predictions of a finished one. */
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import { advise } from '../../jobs/advice.ts';
import { splitDataset } from '../../workspace/dataset-split.ts';
import { predictJob } from '../../jobs/predict.ts';
import { probabilitiesOf, readPredictions } from '../../workspace/predictions.ts';
import { exportModelJob } from '../../jobs/export-model.ts';
import { rangeTestJob } from '../../jobs/range-test.ts';
import { trainJob } from '../../jobs/train.ts';
import type { CallContext } from './context.ts';

export const classifierCalls = (context: CallContext) =>
  ({
    advise: () => advise(context),
    split: (request) => splitDataset(context.table.samples(), context.groups.list(), request).division,
    train: (request) => context.start(trainJob, request),
    rangeTest: (request) => context.start(rangeTestJob, request),
    predict: (request) => context.start(predictJob, request),
    exportModel: (request) => context.start(exportModelJob, request),
    preview: (request) => context.previews.make(request),
    probabilities({ runId, sampleId }) {
      const sample = context.table.sample(sampleId);
      if (!sample) return [];
      return probabilitiesOf(readPredictions(context.workspaceFolder, context.runs.get(runId).id), sample);
    },
  }) satisfies WorkspaceCalls['classifier'];

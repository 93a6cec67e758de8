/** Learning rate range test (Smith 2017): raises the rate step by step in one short training. The run has the curve and no model. */
import type { RangeTest } from '../contract/classifier.ts';
import { WinnowError } from '../contract/errors.ts';
import { smallestOf } from '../contract/numbers.ts';
import type { TrainRequest } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
import { checkTrain } from '../workspace/check-request.ts';
import type { Report } from '../workspace/report.ts';
import { refreshToCompute } from './scan.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import { makeRun, type RunSpec } from './run-runner.ts';
import { networkArgs, prepareTraining, type TrainingData } from './training-data.ts';
import { classFractions } from './training-result.ts';

export const rangeTestJob: JobType<TrainRequest> = {
  kind: 'range-test',
  prepare(request, context) {
    const { record } = checkTrain(request);
    return {
      title: `Learning rate of ${record.title}`,
      async run(report) {
        await refreshToCompute(context, report);
        const { id, rangeTest } = await findRate(context, request, report);
        return rangeTest?.suggested
          ? `${id}: suggested learning rate ${rangeTest.suggested.toPrecision(2)}`
          : `${id}: the loss does not fall at any learning rate`;
      },
    };
  },
};

const notBetter =
  'In these few steps the model did not become better than chance: the suggestion is unreliable, and the model’s default may work better.';

/** Cross-entropy of predicting the class frequencies of the training set for every image, with label smoothing as in training. */
function chanceLoss(data: TrainingData): number {
  const { shares } = classFractions(data);
  const { smoothing } = data.parameters;
  const smoothed = shares.map((share) => (1 - smoothing) * share + smoothing / shares.length);
  return smoothed.reduce((sum, share) => sum - (share ? share * Math.log(share) : 0), 0);
}

async function findRate(context: JobContext, request: TrainRequest, report: Report): Promise<Run> {
  if (request.mode === 'head')
    throw new WinnowError('bad-request', 'The head is trained without a learning rate, so there is none to find.');
  using data = await prepareTraining(context, { ...request, division: { ...request.division, folds: 0 } }, report);
  const spec: RunSpec = {
    name: `${request.model}-range`,
    kind: 'range-test',
    method: request.model,
    seed: request.seed,
    parameters: data.parameters,
    mainColumn: null,
    rangeTest: { points: [], suggested: null, stopped: 'end' },
    fingerprint: `range ${data.fingerprint}`,
    resume: false,
  };
  return await makeRun(context, spec, report, async (run) => {
    report.stage('Raising the learning rate', 0, 'steps');
    const points: RangeTest['points'] = [];
    const startedAt = performance.now();
    const { folder } = run.openTraining();
    const rangeTest = await context.compute.call(
      'rangeTest',
      networkArgs(request, data, data.divided.trainings[0], folder),
      {
        signal: report.signal,
        onEvent: ({ point, total }) => {
          while (points.length && points[points.length - 1].rate >= point.rate) points.pop(); // a restarted process repeats it
          points.push(point);
          report.progress(points.length, total);
          if (points.length % 5 === 0)
            run.update({ rangeTest: { points: [...points], suggested: null, stopped: 'end' } });
        },
      },
    );
    const leastLoss = smallestOf(rangeTest.points.map(({ smooth }) => smooth));
    if (rangeTest.suggested !== null && leastLoss > chanceLoss(data)) run.note(notBetter);
    return { facts: { rangeTest, seconds: (performance.now() - startedAt) / 1000 } };
  });
}

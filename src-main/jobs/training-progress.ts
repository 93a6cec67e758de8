/** Turns the events of a training in the compute process into job progress and learning curves, and summarises finished trainings. */
import type { Trained, TrainingEvent } from '../compute/train/trained.ts';
import type { Epoch, Run } from '../contract/types.ts';
import { largestOf, meanOf } from '../contract/numbers.ts';
import type { Report } from '../workspace/report.ts';
import type { ActiveRun } from './run-runner.ts';

type StageEvent = TrainingEvent | { stage: string; done: number; total: number };

/** What the progress of a stage counts, if not images. */
const units: Readonly<Record<string, string>> = { train: 'steps', trim: 'patches', select: 'patches' };

/** Follows one training. `titles` are the titles of its stages. */
export function followTraining(
  run: ActiveRun,
  report: Report,
  titles: Readonly<Record<string, string>>,
): (event: StageEvent) => void {
  let stage = '';
  let secondsBefore = 0; // of training, up to the last epoch
  let history: Epoch[] | null = null;
  return (event) => {
    if ('message' in event) return run.note(event.message);
    if ('history' in event) return; // the run has them
    if (event.stage !== stage) {
      stage = event.stage;
      report.stage(titles[stage], 0, units[stage] ?? 'images');
    }
    if ('done' in event) return report.progress(event.done, event.total);
    report.progress((event.epoch - 1) * event.steps + event.step, event.epochs * event.steps);
    if (event.step < event.steps) return; // within an epoch
    if (event.seconds < secondsBefore) secondsBefore = 0; // another process continues the training
    // A resumed training keeps the epochs that it had; the next fold starts its own history.
    history = (history ?? run.record.history).filter(({ epoch }) => epoch < event.epoch);
    history.push({
      epoch: event.epoch,
      loss: event.loss,
      valLoss: event.valLoss ?? null,
      seconds: event.seconds - secondsBefore,
      learningRate: event.learningRate,
      ...(event.accuracy !== undefined && { accuracy: event.accuracy, valAccuracy: event.valAccuracy ?? null }),
    });
    secondsBefore = event.seconds;
    run.update({ history, epochs: event.epochs });
  };
}

/** Summary of finished trainings: total time, mean rates, peak memory. */
export function factsOf(
  results: readonly (Trained & { penalty?: number })[],
): Pick<Run, 'seconds' | 'imagesPerSecond' | 'peakMemoryMiB' | 'backend' | 'device' | 'epochs' | 'report'> {
  const [first] = results;
  const { waiting, batch, memory, backend } = first;
  return {
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
    imagesPerSecond: meanOf(results.map(({ imagesPerSecond }) => imagesPerSecond)),
    peakMemoryMiB: largestOf(results.map(({ peakMemoryMiB }) => peakMemoryMiB)),
    backend: backend.backend,
    device: `${backend.device}, ${backend.version}`,
    epochs: largestOf(results.map(({ epochsRun }) => epochsRun)),
    report: {
      bestEpoch: first.bestEpoch,
      stopped: first.stopped,
      resumedFrom: first.resumedFrom,
      weights: first.parameters,
      ...(waiting !== undefined && { waiting: meanOf(results.map((result) => result.waiting ?? 0)) }),
      ...(batch && { batch }),
      ...(first.penalty !== undefined && { penalty: first.penalty }),
      ...(memory && { estimatedMiB: memory.totalMiB }),
      ...(backend.warning ? { warning: backend.warning } : {}),
    },
  };
}

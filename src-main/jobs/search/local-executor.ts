/** Runs trials on this machine: the first in the compute process of the engine, further ones at the same time each in another process. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Compute } from '../../compute/child.ts';
import { checkpointFile } from '../../compute/run-files.ts';
import { removeParts } from '../../compute/tensor-file.ts';
import { bytesIn, runFolder } from '../../workspace/runs.ts';
import type { JobContext } from '../context.ts';
import type { Executor, TrialOptions, TrialTask } from './executor.ts';
import { rankTrial, type RankSubject } from './rank-trial.ts';
import { trainTrial, type TrainSubject } from './train-trial.ts';

/** The folder of a trial's files. `id`: `<search>/<number>`. */
export function trialFolder(workspaceFolder: string, id: string): string {
  const [search, number] = id.split('/');
  return join(runFolder(workspaceFolder, search), `trial-${number}`);
}

export function localExecutor(context: JobContext, slots: number): Executor {
  const { workspaceFolder } = context;
  const free: Compute[] = [context.compute];
  const others: Compute[] = [];
  const take = (): Compute => {
    const compute = free.shift();
    if (compute) return compute;
    others.push(context.compute.another());
    return others[others.length - 1];
  };
  return {
    slots,
    async run(task: TrialTask, options: TrialOptions) {
      const folder = trialFolder(workspaceFolder, task.id);
      mkdirSync(folder, { recursive: true });
      removeParts(folder);
      const resume = task.resume && existsSync(checkpointFile(folder));
      const compute = take();
      try {
        const { subject } = task;
        return subject.kind === 'train'
          ? await trainTrial(
              context,
              compute,
              { ...task, resume } as TrialTask & { subject: TrainSubject },
              folder,
              options,
            )
          : await rankTrial(
              context,
              compute,
              { ...task, resume } as TrialTask & { subject: RankSubject },
              folder,
              options,
            );
      } finally {
        free.push(compute);
        if (existsSync(folder)) keepOnlyCheckpoint(folder);
      }
    },
    bytesOf: (id) => bytesIn(trialFolder(workspaceFolder, id)),
    removeFiles: (id) => rmSync(trialFolder(workspaceFolder, id), { recursive: true, force: true }),
    close: async () => void (await Promise.all(others.map((compute) => compute.stop()))),
  };
}

/** A run can be made of the checkpoint alone; the model and snapshots of the filters would only take space. */
function keepOnlyCheckpoint(folder: string): void {
  const kept = basename(checkpointFile(folder));
  for (const name of readdirSync(folder))
    if (name !== kept) rmSync(join(folder, name), { recursive: true, force: true });
}

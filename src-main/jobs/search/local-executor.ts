/**
 * Runs trials on this machine, in compute processes of their own: a trial that crashes ends no other work, and the window's questions to networks are answered meanwhile. A process
 * is replaced after a few trials: what native libraries do not give back (about 3 MiB a trial with networks of changing sizes) would add up.
 */
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

const trialsOfProcess = 10;
interface Process {
  compute: Compute;
  /** How many it has run. */
  trials: number;
}

/** The folder of a trial's files. `id`: `<search>/<number>`. */
export function trialFolder(workspaceFolder: string, id: string): string {
  const [search, number] = id.split('/');
  return join(runFolder(workspaceFolder, search), `trial-${number}`);
}

export function localExecutor(context: JobContext, slots: number): Executor {
  const { workspaceFolder } = context;
  const free: Process[] = [];
  const all: Process[] = [];
  const take = async (): Promise<Process> => {
    let process = free.shift();
    if (!process) all.push((process = { compute: context.compute.another(), trials: 0 }));
    if (process.trials === trialsOfProcess) {
      await process.compute.stop(); // the next call starts a new one
      process.trials = 0;
    }
    process.trials++;
    return process;
  };
  return {
    slots,
    async run(task: TrialTask, options: TrialOptions) {
      const folder = trialFolder(workspaceFolder, task.id);
      mkdirSync(folder, { recursive: true });
      removeParts(folder);
      const resume = task.resume && existsSync(checkpointFile(folder));
      const process = await take();
      try {
        const { subject } = task;
        const { compute } = process;
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
        free.push(process);
        if (existsSync(folder)) keepOnlyCheckpoint(folder);
      }
    },
    bytesOf: (id) => bytesIn(trialFolder(workspaceFolder, id)),
    removeFiles: (id) => rmSync(trialFolder(workspaceFolder, id), { recursive: true, force: true }),
    close: async () => void (await Promise.all(all.map(({ compute }) => compute.stop()))),
  };
}

/** A run can be made of the checkpoint alone; the model and snapshots of the filters would only take space. */
function keepOnlyCheckpoint(folder: string): void {
  const kept = basename(checkpointFile(folder));
  for (const name of readdirSync(folder))
    if (name !== kept) rmSync(join(folder, name), { recursive: true, force: true });
}

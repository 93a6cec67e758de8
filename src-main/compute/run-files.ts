/** Paths of the files in the folder of a run. */
import fs from 'node:fs';
import path from 'node:path';

/** The trained model (`tensor-file.ts`). */
export const modelFile = (folder: string): string => path.join(folder, 'model.bin');
/** The state of an unfinished training. */
export const checkpointFile = (folder: string): string => path.join(folder, 'checkpoint.bin');

/** The folder of one training: with folds, each has its own folder inside the run's folder. */
export const trainingFolder = (runFolder: string, trainings: number, fold: number): string =>
  trainings > 1 ? path.join(runFolder, `fold-${fold + 1}`) : runFolder;

/** True if the run has a checkpoint, of its only training or of any fold. */
export function hasCheckpoint(runFolder: string): boolean {
  if (!fs.existsSync(runFolder)) return false;
  return [runFolder, ...fs.readdirSync(runFolder).map((name) => path.join(runFolder, name))].some((folder) =>
    fs.existsSync(checkpointFile(folder)),
  );
}

/** Paths of a training's files in the folder of its run. */
import fs from 'node:fs';
import path from 'node:path';

export const modelFile = (folder: string): string => path.join(folder, 'model.bin');
export const checkpointFile = (folder: string): string => path.join(folder, 'checkpoint.bin');

/** Of one training of several; alone it has the run's folder to itself. */
export const trainingFolder = (runFolder: string, trainings: number, fold: number): string =>
  trainings > 1 ? path.join(runFolder, `fold-${fold + 1}`) : runFolder;

/** Of the run's one training, or of any of its folds. */
export function hasCheckpoint(runFolder: string): boolean {
  if (!fs.existsSync(runFolder)) return false;
  return [runFolder, ...fs.readdirSync(runFolder).map((name) => path.join(runFolder, name))].some((folder) =>
    fs.existsSync(checkpointFile(folder)),
  );
}

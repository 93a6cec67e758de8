/** Where a training's files lie in its run's folder. */
import path from 'node:path';

export const modelFile = (folder: string): string => path.join(folder, 'model.bin');
export const checkpointFile = (folder: string): string => path.join(folder, 'checkpoint.bin');

/** Of one training of several; alone it has the run's folder to itself. */
export const trainingFolder = (runFolder: string, trainings: number, fold: number): string => (trainings > 1 ? path.join(runFolder, `fold-${fold + 1}`) : runFolder);

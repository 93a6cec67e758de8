/** Reads a file of marks and finds the images that its rows mean, in a thread of its own: a large file takes a while, and the engine answers meanwhile. */
import { parentPort, workerData } from 'node:worker_threads';
import { explain } from '../contract/errors.ts';
import { importMarks, type ImportAnswer, type ImportOrder } from './import.ts';

const { file, samples } = workerData as ImportOrder;
const answer: ImportAnswer = await importMarks(file, samples).then(
  (imported) => ({ imported }),
  (error: unknown) => ({ refused: explain(error) }),
);
parentPort?.postMessage(answer);

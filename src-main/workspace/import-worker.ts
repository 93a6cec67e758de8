/** Reads a file of marks and matches its rows to images, in a worker thread, so that the engine stays responsive during a large import. */
import { parentPort, workerData } from 'node:worker_threads';
import { explain } from '../contract/errors.ts';
import { importMarks, type ImportAnswer, type ImportOrder } from './import.ts';

const { file, samples } = workerData as ImportOrder;
const answer: ImportAnswer = await importMarks(file, samples).then(
  (imported) => ({ imported }),
  (error: unknown) => ({ refused: explain(error) }),
);
parentPort?.postMessage(answer);

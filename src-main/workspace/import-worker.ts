/** Reads a file of marks or of truth and matches its rows to images, in a worker thread, so that the engine stays responsive during a large import. */
import { parentPort, workerData } from 'node:worker_threads';
import { explain } from '../contract/errors.ts';
import { importMarks, type ImportAnswer, type ImportOrder } from './import.ts';
import { importTruth } from './truth-file.ts';

const readers = { marks: importMarks, truth: importTruth };
const { what, file, samples } = workerData as ImportOrder;
const answer: ImportAnswer = await readers[what](file, samples).then(
  (imported) => ({ imported }),
  (error: unknown) => ({ refused: explain(error) }),
);
parentPort?.postMessage(answer);

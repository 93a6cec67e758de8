/** A reader's thread: reads the images that it is asked for and answers with what it learned, or with why not. */
import { parentPort, workerData } from 'node:worker_threads';
import { DecodeError } from './raw.ts';
import { readImage } from './read.ts';
import type { Answer, Asked } from './readers.ts';
import { setRoom } from './room.ts';

setRoom((workerData as { roomPixels: number }).roomPixels);

parentPort?.on('message', ({ id, request }: Asked) => {
  readImage(request).then(
    (reading) => parentPort?.postMessage({ id, reading } satisfies Answer),
    (error: unknown) => {
      const { code, message, syscall, path } = error as NodeJS.ErrnoException;
      const fault = error instanceof DecodeError ? { decode: error.code, message } : { code, message: message ?? String(error), syscall, path };
      parentPort?.postMessage({ id, fault } satisfies Answer);
    },
  );
});

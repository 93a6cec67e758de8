/** Decodes images to packed rows of 64 px, as jobs/pixels.ts does for a training, without the index. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openImage } from '../../src-main/image/decode.ts';
import { makeRow } from '../../src-main/image/pixels.ts';

/** Images per second on all cores. */
export async function packFiles(folder: string, most: number): Promise<number> {
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.jpg'))
    .toSorted()
    .slice(0, most);
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: os.availableParallelism() + 1 }, async () => {
      while (next < files.length) {
        const file = files[next++];
        await makeRow(await openImage(await fs.promises.readFile(path.join(folder, file)), file), 64);
      }
    }),
  );
  return (files.length * 1000) / (performance.now() - began);
}

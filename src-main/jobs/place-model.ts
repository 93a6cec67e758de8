/** Writes the files of an exported model to a new folder: all of them, or none. */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { checkTarget } from '../file/target.ts';
import { writeAtomically } from '../file/write-atomically.ts';
import type { Report } from '../workspace/report.ts';
import { toWinnowError } from '../workspace/runs.ts';

/** `make` converts the model and returns the files by name. Returns the number of bytes written. Throws WinnowError. */
export async function placeModel(
  folder: string,
  to: string,
  report: Report,
  make: () => Promise<ReadonlyMap<string, string | Uint8Array>>,
): Promise<number> {
  const target = await checkTarget(folder, to);
  const part = join(dirname(target), `.${basename(target)}.winnow-model`);
  if (existsSync(part) && !isOwn(part))
    throw new WinnowError(
      'target-not-empty',
      `${part} contains other files, in the place where the model is prepared. Move them, or choose another name.`,
    );
  report.stage('Converting', 0, 'files');
  const files = await make().catch((error: unknown) => {
    throw toWinnowError(error);
  });
  try {
    await rm(part, { recursive: true, force: true });
    await mkdir(part, { recursive: true });
    report.stage('Writing', files.size, 'files');
    for (const [name, data] of files) {
      report.signal.throwIfAborted();
      await writeAtomically(join(part, name), data);
    }
    if (existsSync(target)) await rmdir(target); // it is empty
    await rename(part, target);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
  return [...files.values()].reduce((sum, data) => sum + Buffer.byteLength(data), 0);
}

/** The remains of an interrupted export. */
const isOwn = (part: string) =>
  lstatSync(part).isDirectory() &&
  readdirSync(part).every((name) => /^(about\.json|README\.md|model\.onnx|tfjs)/.test(name));

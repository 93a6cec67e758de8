/** The user's choice of a backend for this machine: one word in the file `backend` of the data folder, read at each start of a compute process. */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeAtomicallySync } from '../file/write-atomically.ts';
import { backendChoices, type BackendChoice } from '../contract/machine.ts';
import { dataFolder } from '../setup/folders.mjs';

const file = (): string => join(dataFolder(), 'backend');

/** `fixed`: the choice comes from WINNOW_BACKEND, which `--backend` sets too and which overrides the stored choice. */
export function chosenBackend(): { choice: BackendChoice; fixed: boolean } {
  const { WINNOW_BACKEND } = process.env;
  return WINNOW_BACKEND
    ? { choice: WINNOW_BACKEND as BackendChoice, fixed: true }
    : { choice: storedBackend(), fixed: false };
}

function storedBackend(): BackendChoice {
  try {
    const word = readFileSync(file(), 'utf8').trim();
    return backendChoices.find((choice) => choice === word) ?? 'auto';
  } catch {
    return 'auto';
  }
}

/** Takes effect at the next start of a compute process. */
export function storeBackend(choice: BackendChoice): void {
  mkdirSync(dirname(file()), { recursive: true });
  writeAtomicallySync(file(), `${choice}\n`);
}

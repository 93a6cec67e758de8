/** What a person chose to compute on, on this machine: one word in the data folder, read whenever a compute process starts. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { backendChoices, type BackendChoice } from '../contract/machine.ts';
import { dataFolder } from '../setup/folders.mjs';

const file = (): string => join(dataFolder(), 'backend');

/** `fixed`: the environment says so (`--backend` speaks through it), and goes before what is kept. */
export function chosenBackend(): { choice: BackendChoice; fixed: boolean } {
  const { WINNOW_BACKEND } = process.env;
  return WINNOW_BACKEND
    ? { choice: WINNOW_BACKEND as BackendChoice, fixed: true }
    : { choice: keptBackend(), fixed: false };
}

function keptBackend(): BackendChoice {
  try {
    const word = readFileSync(file(), 'utf8').trim();
    return backendChoices.find((choice) => choice === word) ?? 'auto';
  } catch {
    return 'auto';
  }
}

export function keepBackend(choice: BackendChoice): void {
  mkdirSync(dirname(file()), { recursive: true });
  writeFileSync(`${file()}.part`, `${choice}\n`);
  renameSync(`${file()}.part`, file());
}

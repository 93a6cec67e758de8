/** Where the workspace of a folder is. */
import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import { askDisk } from '../file/gate.ts';
import { isMissing } from '../file/output.ts';
import { pathOnDisk } from '../file/same-path.ts';
import { dataFolder } from '../setup/folders.mjs';

/** Reads through the gate, so that a network folder that does not respond blocks only this request. */
export async function realFolder(folder: string): Promise<string> {
  const path = await pathOnDisk(resolve(folder.replace(/^~(?=$|[\\/])/, homedir())));
  const info = await askDisk(() => stat(path)).catch((error: unknown) => {
    if (isMissing(error)) throw new WinnowError('no-folder', `There is no folder ${path}.`, { cause: error });
    throw error;
  });
  if (!info.isDirectory()) throw new WinnowError('no-folder', `${path} is a file. Open the folder that holds it.`);
  return askDisk(() => realpath(path));
}

/** The folder of a workspace that the user names, or of the workspace of a folder. `real`: as `realFolder` gives it. */
export const workspaceAt = async (real: () => string | Promise<string>, named?: string): Promise<string> =>
  named ? pathOnDisk(resolve(named)) : defaultWorkspace(await real());

export const shortHash = (text: string) => hash('sha256', text).slice(0, 16);

export const defaultWorkspace = (folder: string) =>
  join(
    dataFolder(),
    'workspaces',
    `${
      basename(folder)
        .replace(/[^\p{L}\p{N}._-]/gu, '_')
        .slice(0, 40) || 'root'
    }-${shortHash(folder)}`,
  );

/** The existing workspace of a folder. Throws WinnowError `no-workspace`; `why` ends its message. */
export async function existingWorkspace(
  { folder, workspace }: { folder: string; workspace?: string },
  why: string,
): Promise<string> {
  const workspaceFolder = await workspaceAt(() => realFolder(folder), workspace);
  if (!existsSync(workspaceFolder))
    throw new WinnowError('no-workspace', `Winnow has no workspace for ${folder}: ${why}`);
  return workspaceFolder;
}

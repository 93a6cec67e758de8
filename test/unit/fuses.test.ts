/** Other programs cannot use Electron to run code: the test copy ignores scripts in its environment, and the installed program disables all such features. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCurrentFuseWire, FuseState, FuseV1Options } from '@electron/fuses';
import { expect, test } from 'vitest';
import { electronPath } from '../../src-main/setup/pieces/electron.mjs';
import { root } from '../fixtures/command.ts';

test('the Electron here is no Node, and takes no options from the environment', async () => {
  const path = electronPath() as string;
  const wire = await getCurrentFuseWire(path);
  expect([
    wire[FuseV1Options.RunAsNode],
    wire[FuseV1Options.EnableNodeOptionsEnvironmentVariable],
    wire[FuseV1Options.LoadBrowserProcessSpecificV8Snapshot],
  ]).toEqual([FuseState.DISABLE, FuseState.DISABLE, FuseState.DISABLE]);
  const { stdout } = spawnSync(path, ['-e', "console.log('ran as Node')"], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(stdout).not.toContain('ran as Node');
});

test('the installed program has its fuses set', () => {
  const fuses = readFileSync(join(root, 'electron-builder.yml'), 'utf8').split('electronFuses:\n')[1];
  for (const line of [
    'runAsNode: false',
    'enableNodeOptionsEnvironmentVariable: false',
    'enableNodeCliInspectArguments: false',
    'onlyLoadAppFromAsar: true',
    'grantFileProtocolExtraPrivileges: false',
  ])
    expect(fuses).toContain(line);
});

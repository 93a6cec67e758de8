/** The compute backend can be chosen from any client, is stored for the machine, and never changes under a running job. */
import { Agent, fetch } from 'undici';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { workspacePath } from '../../src-main/contract/address.ts';
import type { BackendState } from '../../src-main/contract/machine.ts';
import { openClient, type Client } from '../../src-main/door/client.ts';
import { listenOnPipe } from '../../src-main/door/pipe.ts';
import { winnow, winnowJson, type RankJson } from '../fixtures/command.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';

let data: string;
beforeEach(() => {
  data = temporaryFolder('data');
  vi.stubEnv('WINNOW_DATA', data);
  vi.stubEnv('WINNOW_BACKEND', '');
});
const open: { close(): Promise<void> }[] = [];
const keep = <Thing extends { close(): Promise<void> }>(thing: Thing) => (open.push(thing), thing);
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
  vi.unstubAllEnvs();
});

const nowOn = ({ choice, fixed, running }: BackendState) => ({ choice, fixed, backend: running?.backend });

test('the command line, a window and a browser share the choice', async () => {
  const folder = await blobFolder();
  const first: Client = keep(await openClient(folder));
  expect(nowOn(await first.calls.engine.backend.query())).toEqual({
    choice: 'auto',
    fixed: false,
    backend: 'tensorflow',
  });
  expect(nowOn(await first.calls.engine.chooseBackend.mutate({ choice: 'plain' }))).toEqual({
    choice: 'plain',
    fixed: false,
    backend: 'plain',
  });

  // The engine of a window; its requests for this folder are forwarded to the first engine.
  const other = keep(await listenOnPipe());
  const { id } = await other.engine.open({ folder });
  const dispatcher = new Agent({ connect: { socketPath: other.pipe } });
  for (const at of ['', workspacePath(id)]) {
    const answer = (await (await fetch(`http://engine${at}/trpc/engine.backend`, { dispatcher })).json()) as {
      result: { data: BackendState };
    };
    expect(nowOn(answer.result.data)).toEqual({ choice: 'plain', fixed: false, backend: 'plain' });
  }
  // The folder's engine keeps its choice, whatever a single command requests.
  const refused = await winnow(['rank', folder, '--backend', 'tensorflow', '--method', 'pca'], { WINNOW_DATA: data });
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('uses the backend ‘plain’') });
});

test('a run records its backend; --backend applies to one command', async () => {
  const folder = await blobFolder();
  const args = ['rank', folder, '--method', 'pca', '--size', '32', '--components', '2'];
  const { run } = await winnowJson<RankJson & { run: { backend: string } }>([...args, '--backend', 'plain'], {
    WINNOW_DATA: data,
  });
  expect(run.backend).toBe('plain');
  const after = await winnowJson<RankJson & { run: { backend: string } }>([...args, '--fresh'], { WINNOW_DATA: data });
  expect(after.run.backend).toBe('tensorflow');
  expect((await winnow([...args, '--backend', 'nonsense'], { WINNOW_DATA: data })).code).toBe(2);
});

test('an unusable backend gives an error message and is not stored', async () => {
  for (const name of ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES']) vi.stubEnv(name, '/nowhere.json');
  const door = keep(await openClient(await blobFolder()));
  await expect(door.calls.engine.chooseBackend.mutate({ choice: 'webgpu' })).rejects.toThrow(
    /^The backend 'webgpu' was chosen and cannot be used: [^\n]*\.$/,
  );
  expect(nowOn(await door.calls.engine.backend.query())).toEqual({
    choice: 'auto',
    fixed: false,
    backend: 'tensorflow',
  });
  const { code, err } = await winnow(['rank', await blobFolder(), '--backend', 'webgpu'], { WINNOW_DATA: data });
  expect({ code, lines: err.trim().split('\n') }).toEqual({
    code: 1,
    lines: [expect.stringMatching(/^The backend 'webgpu' was chosen and cannot be used/)],
  });
});

test('the backend cannot be changed during a job, or if it was fixed at the start of the program', async () => {
  const door = keep(await openClient(await blobFolder()));
  const job = await door.calls.workspace.rank.mutate({ method: 'conv-ae', parameters: { epochs: 5000 } });
  await expect(door.calls.engine.chooseBackend.mutate({ choice: 'plain' })).rejects.toThrow('is still running');
  await door.calls.jobs.cancel.mutate({ id: job.id });
  vi.stubEnv('WINNOW_BACKEND', 'plain');
  await expect(door.calls.engine.chooseBackend.mutate({ choice: 'tensorflow' })).rejects.toThrow(
    'Winnow was started with',
  );
  expect(await door.calls.engine.backend.query()).toMatchObject({ choice: 'plain', fixed: true });
});

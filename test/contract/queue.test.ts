/** Jobs of one folder from several clients: they are queued, and each client sees the position of its own job. */
import { expect, test, vi } from 'vitest';
import { openClient } from '../../src-main/door/client.ts';
import { start } from '../fixtures/command.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';

const long = { method: 'conv-ae', parameters: { sizePx: 32, epochs: 5000, patience: 0 } };

test('a waiting scan is not queued twice, and the queue can be read and reordered through the contract', async () => {
  vi.stubEnv('WINNOW_DATA', temporaryFolder('data'));
  const door = await openClient(await blobFolder());
  try {
    const { calls } = door;
    const rank = await calls.workspace.rank.mutate(long);
    const scan = await calls.workspace.scan.mutate();
    const second = await calls.workspace.rank.mutate({ method: 'pca' });
    expect(scan).toMatchObject({ state: 'queued', place: 1 });
    expect((await calls.workspace.scan.mutate()).id).toBe(scan.id);
    await calls.jobs.move.mutate({ id: second.id, to: 'next' });
    const places = async () => new Map((await calls.jobs.list.query()).map(({ id, place }) => [id, place]));
    expect(await places()).toEqual(
      new Map([
        [rank.id, null],
        [scan.id, 2],
        [second.id, 1],
      ]),
    );
    await expect(calls.engine.chooseBackend.mutate({ choice: 'plain' })).rejects.toThrow('is still running');
    await calls.jobs.cancel.mutate({ id: second.id });
    expect(await places()).toEqual(
      new Map([
        [rank.id, null],
        [scan.id, 1],
        [second.id, null],
      ]),
    );
  } finally {
    await door.close();
    vi.unstubAllEnvs();
  }
});

test('a command waits for the running job of the folder, prints that once, and then does its work', async () => {
  const data = temporaryFolder('data');
  const folder = await blobFolder();
  vi.stubEnv('WINNOW_DATA', data);
  const door = await openClient(folder);
  try {
    const rank = await door.calls.workspace.rank.mutate(long);
    const { process: command, ended } = start(['scan', folder], { WINNOW_DATA: data });
    await new Promise<void>((resolve) => {
      let output = '';
      command.stderr!.on('data', (text: string) => void ((output += text).includes('Waiting for') && resolve()));
    });
    await door.calls.jobs.cancel.mutate({ id: rank.id });
    const { code, err } = await ended;
    expect(code).toBe(0);
    expect(err.match(/Waiting for: .*/g)).toEqual(['Waiting for: Rank with Convolutional autoencoder']);
    expect((await door.calls.jobs.list.query()).map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      'rank cancelled',
      'scan done',
    ]);
  } finally {
    await door.close();
    vi.unstubAllEnvs();
  }
});

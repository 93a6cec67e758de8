/** One engine per workspace: a second process becomes a client, sees the same state, and takes over when the first has ended. */
import { afterEach, expect, test } from 'vitest';
import { columnPath, thumbPath, workspacePath } from '../../src-main/contract/address.ts';
import { openClient, type Client } from '../../src-main/door/client.ts';
import { listenOnPipe, type Listening } from '../../src-main/door/pipe.ts';
import { Agent, fetch } from 'undici';
import { allSamples } from '../../src-main/command/samples.ts';
import { follow } from '../../src-main/command/output.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { blobFolder, folderOf, temporaryFolder } from '../fixtures/images.ts';

const open: { close(): Promise<void> }[] = [];
const keep = <Thing extends { close(): Promise<void> }>(thing: Thing) => (open.push(thing), thing);
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

const overPipe = ({ pipe }: Listening) => {
  const dispatcher = new Agent({ connect: { socketPath: pipe } });
  return (path: string, body?: object) =>
    fetch(`http://engine${path}`, {
      dispatcher,
      ...(body ? { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
};

test('a second process is a client of the first engine: same rows, same decisions, live', async () => {
  const [folder, workspace] = [await blobFolder(), temporaryFolder('workspace')];
  const first = keep(await openClient(folder, workspace));
  await follow(first, { quiet: true }, () => first.calls.workspace.scan.mutate());
  const second: Client = keep(await openClient(folder, workspace));
  expect(await allSamples(second)).toEqual(await allSamples(first));
  expect(await second.column('brightness')).toEqual(await first.column('brightness'));

  const heard = Promise.withResolvers<string | null>();
  const subscription = first.calls.workspace.events.subscribe(undefined, {
    onData: (event) => event.type === 'changed' && event.journal.undo && heard.resolve(event.journal.undo),
  });
  const { changed } = await second.calls.journal.edit.mutate({
    choice: { paths: ['good/odd.png'] },
    change: { decision: 'reject' },
  });
  expect(changed).toBe(1);
  expect(await heard.promise).toBe('reject good/odd.png');
  subscription.unsubscribe();
  expect((await allSamples(first)).find(({ path }) => path === 'good/odd.png')?.decision).toBe('reject');

  // A job requested by the client runs in the engine that owns the folder; the client follows it to its end.
  const job = await follow(second, { quiet: true }, () => second.calls.workspace.scan.mutate());
  expect(job.summary).toContain('0 read');
  await expect(
    second.calls.journal.edit.mutate({ choice: { where: 'nonsense > 1' }, change: { decision: 'keep' } }),
  ).rejects.toThrow('no column');
});

test('an engine forwards requests to the owner of the folder, and takes over the folder when the owner has ended', async () => {
  const [folder, workspace] = [await blobFolder(), temporaryFolder('workspace')];
  const first = await openClient(folder, workspace);
  await follow(first, { quiet: true }, () => first.calls.workspace.scan.mutate());
  const other = keep(await listenOnPipe());
  const get = overPipe(other);
  const { id } = await other.engine.open({ folder, workspace });
  const describe = async () =>
    (await (await get(`${workspacePath(id)}/trpc/workspace.describe`)).json()) as {
      result: { data: { samples: number } };
    };
  expect((await describe()).result.data.samples).toBe(25);
  await get(`${workspacePath(id)}/trpc/journal.edit`, {
    choice: { paths: ['good/odd.png'] },
    change: { decision: 'reject' },
  });
  const samples = await allSamples(first);
  expect(samples.find(({ path }) => path === 'good/odd.png')?.decision).toBe('reject');
  const thumb = await get(thumbPath(id, samples[0]));
  expect(thumb.headers.get('content-type')).toBe('image/jpeg');
  expect(thumb.headers.get('cache-control')).toContain('immutable');

  await first.close();
  expect((await describe()).result.data.samples).toBe(25);
  const values = new Float64Array(await (await get(columnPath(id, 'brightness', 1))).arrayBuffer());
  expect(values.filter((value) => value > 0)).toHaveLength(25);
  expect((await get(`${workspacePath(id)}/media/original/999999`)).status).toBe(404);
  expect((await get(`${workspacePath(id)}/media/thumb/..%2f..%2fworkspace.sqlite`)).status).toBe(404);
});

test('a browser asks again for pixels that change with the levels of the folder, and keeps all others', async () => {
  const measured = (white: number): Promise<Buffer> =>
    sharp(
      Uint16Array.from({ length: 64 * 64 }, (_, i) => Math.round(((i % 64) * white) / 63)),
      { raw: { width: 64, height: 64, channels: 1 } },
    )
      .toColourspace('grey16')
      .png()
      .toBuffer();
  const plain = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#c40' } })
    .png()
    .toBuffer();
  const folder = folderOf({ 'dim.png': await measured(900), 'plain.png': plain });
  const listening = keep(await listenOnPipe());
  const get = overPipe(listening);
  const workspace = temporaryFolder('workspace');
  const { id } = await listening.engine.open({ folder, workspace });
  const client = keep(await openClient(folder, workspace));
  const scan = () => follow(client, { quiet: true }, () => client.calls.workspace.scan.mutate());
  await scan();
  const samples = await allSamples(client);
  const thumb = async (path: string) => {
    const answer = await get(
      thumbPath(
        id,
        samples.find((sample) => sample.path === path)!,
      ),
    );
    const { channels } = await sharp(Buffer.from(await answer.arrayBuffer())).stats();
    return { cache: answer.headers.get('cache-control'), max: channels[0].max };
  };
  const before = await thumb('dim.png');
  expect(before.cache).toBe('private, no-cache');
  expect((await thumb('plain.png')).cache).toContain('immutable');
  writeFileSync(join(folder, 'bright.png'), await measured(60_000));
  await scan();
  expect((await thumb('dim.png')).max).toBeLessThan(0.1 * before.max);
});

/** A folder on a disk that does not respond: other files are still served, and cancel and exit do not wait for it. */
import { mkdirSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Agent, fetch } from 'undici';
import { originalPath, thumbPath } from '../../src-main/contract/address.ts';
import { listenOnPipe } from '../../src-main/door/pipe.ts';
import { Gate } from '../../src-main/file/gate.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { stall, until } from '../fixtures/hostile.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { ended } from '../fixtures/workspace.ts';

test('a scan of it can be cancelled, and thumbnails and other requests work during it', async (context) => {
  const folder = folderOf({ '1.png': await blob(1), 'share/2.png': await blob(2) });
  const { engine, pipe, close } = await listenOnPipe();
  onTestFinished(close);
  const { id } = await engine.open({ folder, workspace: temporaryFolder('workspace') });
  const workspace = (await engine.reach(id)) as OpenWorkspace;
  await ended(workspace, workspace.calls.workspace.scan());
  const samples = workspace.table.samples();
  const stalled = await stall(join(folder, 'share'));
  if (!stalled) return context.skip();
  onTestFinished(() => stalled.end());

  const job = workspace.calls.workspace.scan();
  const scanned = ended(workspace, job);
  const dispatcher = new Agent({ connect: { socketPath: pipe }, connections: 32 });
  onTestFinished(() => dispatcher.destroy());
  const get = (path: string) => fetch(`http://engine${path}`, { dispatcher });
  const originals = Array.from({ length: 8 }, () => get(originalPath(id, samples[1])).catch(() => null));
  for (const sample of samples) expect((await get(thumbPath(id, sample))).status).toBe(200);
  expect(
    workspace.calls.journal.edit({ choice: { paths: ['share/2.png'] }, change: { decision: 'keep' } }).changed,
  ).toBe(1);
  workspace.jobs.cancel(job.id);
  expect((await scanned).state).toBe('cancelled');
  expect(workspace.table.samples()).toHaveLength(2);
  stalled.end(); // requests during the stall get an error; those that waited for a slot find the file that the mount had hidden
  expect(
    (await Promise.all(originals)).map((answer) => answer?.status).filter((status) => status !== 200 && status !== 404),
  ).toEqual([]);
  expect((await ended(workspace, workspace.calls.workspace.scan())).summary).toBe('2 image files, 0 read');
}, 30_000);

describe.skipIf(process.platform === 'win32')('reads from a disk', () => {
  /** Opens a named pipe, which blocks until somebody writes. */
  async function pipeOf() {
    const folder = temporaryFolder('pipe');
    mkdirSync(folder, { recursive: true });
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    return { ask: () => open(pipe, 'r'), answer: () => open(pipe, 'r+').then((handle) => handle.close()) };
  }

  test('that get no response are given up; they keep their slots until a late response', async () => {
    const { ask, answer } = await pipeOf();
    const gate = new Gate(2, 150);
    const all = await Promise.allSettled([gate.ask(ask), gate.ask(ask), gate.ask(() => stat('/'))]);
    expect(all.map((one) => one.status === 'rejected' && (one.reason as Error).message)).toEqual(
      Array(3).fill('The folder does not answer. Is its disk or network connected?'),
    );
    await answer();
    let isFree = false;
    const tried = async () =>
      (isFree ||= await gate
        .ask(() => stat('/'))
        .then(
          () => true,
          () => false,
        ));
    while (!(await tried()));
    expect(isFree).toBe(true);
  });

  test('that throw at once leave their slots', async () => {
    const gate = new Gate(1, 60_000);
    const fault = (): Promise<never> => {
      throw new Error('at once');
    };
    for (let i = 0; i < 2; i++) await expect(gate.ask(fault)).rejects.toThrow('at once');
    expect(await gate.ask(() => Promise.resolve('an answer'))).toBe('an answer');
  });

  test('end with a cancel, also those that wait for a slot', async () => {
    const { ask, answer } = await pipeOf();
    const gate = new Gate(1, 60_000);
    const stop = new AbortController();
    let asked = 0;
    const question = () => (asked++, ask());
    const all = Promise.allSettled([gate.ask(question, stop.signal), gate.ask(question, stop.signal)]);
    await until(() => asked === 1);
    stop.abort(new Error('enough'));
    expect((await all).map((one) => one.status === 'rejected' && (one.reason as Error).message)).toEqual([
      'enough',
      'enough',
    ]);
    await answer();
    expect(asked).toBe(1);
  });
});

/**
 * A scorer needs only its record and a place in the list. Two scorers that exist only in the tests are fitted, used for ranking, described to clients and
 * shown, all by their records.
 */
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { scorers } from '../../src-main/compute/anomaly/index.ts';
import { startBackend } from '../../src-main/compute/backend.ts';
import type { Call } from '../../src-main/compute/call.ts';
import { calls, type CallName } from '../../src-main/compute/calls.ts';
import type { Compute } from '../../src-main/compute/child.ts';
import { rankSchema } from '../../src-main/contract/schemas.ts';
import type { Run } from '../../src-main/contract/types.ts';
import { serveMedia } from '../../src-main/door/media.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { rank, rankJob } from '../../src-main/jobs/rank.ts';
import { Engine } from '../../src-main/engine/engine.ts';
import { mapJob } from '../../src-main/jobs/map.ts';
import { mapOf, reconstructionOf } from '../../src-main/jobs/maps.ts';

import { scan } from '../../src-main/jobs/scan.ts';
import { panesOf } from '../../src-renderer/lib/panes.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { fromMean, fromMeanImage } from '../fixtures/scorers.ts';
import { serveCall } from '../fixtures/serve-call.ts';

vi.mock('../../src-main/compute/anomaly/index.ts', async (original) => {
  const { scorers } = await original<typeof import('../../src-main/compute/anomaly/index.ts')>();
  const { fromMean, fromMeanImage } = await import('../fixtures/scorers.ts');
  const all = [...scorers, fromMean, fromMeanImage];
  return { scorers: all, scorerOf: (id: string) => all.find((scorer) => scorer.id === id) };
});

/** Runs the calls in this process, where the two scorers are registered. */
const compute = {
  call: (name: CallName, args: never, options: object) => serveCall(calls[name] as Call<never, unknown>, args, options),
} as unknown as Compute;

const report = {
  signal: new AbortController().signal,
  stage: () => undefined,
  progress: () => undefined,
  run: () => undefined,
};
let workspace: OpenWorkspace;
const odd = 'odd.png';
beforeAll(async () => {
  await startBackend();
  const files: Record<string, Buffer> = { [odd]: await blob(500, true) };
  for (let i = 0; i < 11; i++) files[`${i}.png`] = await blob(i);
  workspace = new OpenWorkspace('0', folderOf(files, 'scorers'), temporaryFolder('scorers-workspace'), compute);
  await scan(workspace, report);
});
afterAll(() => workspace.close());

describe.each([fromMean, fromMeanImage].map((scorer) => [scorer.id, scorer] as const))('%s', (method, scorer) => {
  let run: Run;
  const idOf = (path: string) => workspace.table.samples().find((sample) => sample.path === path)!.id;
  const rankedBy = (more: object = {}) => rankSchema.parse({ method, ...more });

  test('ranks the folder, the anomaly first', async () => {
    run = await rank(workspace, rankedBy({ parameters: scorer.inputs === 'pixels' ? { sizePx: 32 } : {} }), report);
    expect(run).toMatchObject({ method, state: 'done', trained: 12, history: [], column: `${run.id}.error` });
    const scores = workspace.table.values(run.column);
    const worst = workspace.table.samples().toSorted((a, b) => scores[b.id] - scores[a.id])[0];
    expect(worst.path).toBe(odd);
    const column = workspace.table.columns().find(({ name }) => name === run.column);
    expect(column).toMatchObject({ title: `${run.id} · ${scorer.gives.score.title}`, count: 12 });
  });

  test('gives the maps and reconstructions that its record declares, and refuses others with an error message', async () => {
    const drawn = mapOf(workspace, run, idOf(odd));
    const asked = () => rankJob.prepare(rankedBy({ maps: join(temporaryFolder('maps'), 'm') }), workspace);
    if (scorer.gives.map) {
      const { map, rows, columns } = await drawn;
      expect([map.length, rows, columns]).toEqual([32 ** 2, 32, 32]);
      expect(Math.max(...map)).toBeCloseTo(workspace.table.values(run.column)[idOf(odd)], 6);
      expect(run.report.mapScale).toBeGreaterThan(0);
      expect(asked().title).toBe(`Rank with ${scorer.title}`);
    } else {
      await expect(drawn).rejects.toMatchObject({
        code: 'no-map',
        message: `${scorer.title} has no map of an image.`,
      });
      expect(run.report.maps).toBe(false);
      expect(asked).toThrow(/no error maps/);
    }
    await expect(reconstructionOf(workspace, run, idOf(odd))).rejects.toMatchObject({ code: 'no-map' });
    const address = `media/reconstruction/${run.id}/${idOf(odd)}.webp`;
    await expect(serveMedia(workspace, address, {} as ServerResponse)).rejects.toMatchObject({ code: 'no-map' });
    expect(() => mapJob.prepare({ runId: run.id, seed: 1, anew: false }, workspace)).toThrow(
      /not a finished autoencoder/,
    );
  });
});

test('the contract lists both, with their inputs and outputs', async () => {
  const engine = new Engine(join(temporaryFolder('pipe'), 'none.sock'));
  const methods = await engine.calls.methods();
  await engine.close();
  expect(methods.map(({ id }) => id)).toEqual(scorers.map(({ id }) => id));
  for (const { id, title, short, inputs, gives } of [fromMean, fromMeanImage])
    expect(methods.find((method) => method.id === id)).toMatchObject({ title, short, inputs, gives, schema: {} });
});

test('each method is shown with the panes that its record declares', () => {
  const shown = Object.fromEntries(scorers.map(({ id, gives }) => [id, panesOf(gives).map(({ title }) => title)]));
  const all = ['Original', 'Reconstruction', 'Difference', 'Overlay'];
  expect(shown).toEqual({
    auto: ['Original', 'Deviation', 'Overlay'],
    'conv-ae': all,
    'mlp-ae': all,
    pca: all,
    nearest: ['Original'],
    gaussian: ['Original'],
    padim: ['Original', 'Distance', 'Overlay'],
    'patch-memory': ['Original', 'Distance', 'Overlay'],
    'feature-ae': ['Original', 'Error', 'Overlay'],
    'from-mean': ['Original'],
    'from-mean-image': ['Original', 'Deviation', 'Overlay'],
  });
});

/** Exported detectors: onnxruntime gives the scores and maps of our own model, for every scorer. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { scorers } from '../../src-main/compute/anomaly/index.ts';
import type { Scorer } from '../../src-main/compute/anomaly/scorer.ts';
import { exportModelSchema, rankSchema } from '../../src-main/contract/schemas.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { makeRectangle } from '../../src-main/image/pixels.ts';
import { withImage } from '../../src-main/image/scanned.ts';
import { prepareImage } from '../../src-main/jobs/scorer-images.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { portableDetector } from '../../src-main/compute/portable/export-detector.ts';
import { rankCorrelation } from '../../src-main/compute/rank-correlation.ts';
import { runFolder } from '../../src-main/workspace/runs.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { ended, openWorkspace, scanned } from '../fixtures/workspace.ts';

/** Parameters that make the training short. */
function quick({ inputs, schema }: Scorer): Record<string, unknown> {
  const settings = inputs === 'pixels' ? { sizePx: 32, width: 8, depth: 2, epochs: 2 } : { sizePx: 224, epochs: 2 };
  return Object.fromEntries(Object.entries(settings).filter(([name]) => name in schema.shape));
}

interface About {
  threshold: { score: number | null };
  inputs: Record<string, { width: number; height: number }>;
  outputs: Record<string, unknown>;
}

/** Our features are stored with 11 bits, and the graph computes them with 24. */
const tolerance = 4e-3;

test.each([
  ...scorers.map((scorer) => [scorer.id, quick(scorer)] as const),
  ['patch-memory', { sizePx: 224, neighbourhood: 'both' }] as const,
  ['padim', { sizePx: 224, smoothing: 0 }] as const,
])('%s %j', async (method, parameters) => {
  const scorer = scorers.find(({ id }) => id === method)!;
  const files: Record<string, Buffer> = {};
  for (let n = 0; n < 14; n++) files[`train/good/${n}.png`] = await wide(n);
  for (let n = 0; n < 6; n++) files[`test/${n}.png`] = await wide(100 + n, n < 2);
  const workspace = openWorkspace(folderOf(files));
  const ranked = await ended(
    workspace,
    workspace.calls.workspace.rank(rankSchema.parse({ method, parameters, trainOn: 'train/good/**' })),
  );
  expect(ranked.error).toBe(null);
  const runId = ranked.runId as string;
  const to = join(temporaryFolder('detector'), runId);
  const exported = await ended(
    workspace,
    workspace.calls.classifier.exportModel(exportModelSchema.parse({ runId, to })),
  );
  expect(exported.error).toBe(null);

  const about = JSON.parse(readFileSync(join(to, 'about.json'), 'utf8')) as About;
  const session = await ort.InferenceSession.create(join(to, 'model.onnx'));
  expect([...session.inputNames]).toEqual(Object.keys(about.inputs));
  expect([...session.outputNames]).toEqual(Object.keys(about.outputs));
  expect('map' in about.outputs).toBe(Boolean(scorer.gives.map));
  const samples = workspace.table.samples().filter(({ path }) => path.startsWith('test/')); // the others are left out of their own scores
  const feeds: Record<string, ort.Tensor> = {};
  for (const [name, { width, height }] of Object.entries(about.inputs))
    feeds[name] = new ort.Tensor('float32', await pixelsOf(workspace, samples, width, height), [
      ...[samples.length, height, width, 3],
    ]);
  const { score, map } = await session.run(feeds);
  const run = workspace.runs.get(runId);
  const values = workspace.table.values(run.column);
  const ours = samples.map(({ id }) => values[id]);
  const theirs = Array.from(score.data as Float32Array);
  const largest = Math.max(...ours);
  theirs.forEach((value, i) => expect(Math.abs(value - ours[i]), samples[i].path).toBeLessThan(tolerance * largest));
  expect(rankCorrelation(theirs, ours)).toBeGreaterThan(0.9);
  expect(about.threshold.score).toBeGreaterThan(0);
  expect(readFileSync(join(to, 'README.md'), 'utf8')).toContain("session.run(['score']");
  if (!scorer.gives.map) return;
  using rows = await prepareImage(workspace, scorer, run.parameters, samples[0]);
  const own = await workspace.compute.call('map', {
    runFolder: runFolder(workspace.workspaceFolder, runId),
    images: rows.set,
  });
  const theirMap = (map.data as Float32Array).subarray(0, own.map.length);
  expect(map.dims).toEqual([samples.length, own.rows, own.columns]);
  const highest = own.map.reduce((a, b) => Math.max(a, b));
  theirMap.forEach((value, i) => expect(Math.abs(value - own.map[i])).toBeLessThan(5 * tolerance * highest));
});

test('the input has the size of most training images; an export leaves no tensors; a folder without images is an error', async () => {
  const files: Record<string, Buffer> = {};
  for (let n = 0; n < 6; n++) files[`train/good/${n}.png`] = await wide(n);
  for (let n = 0; n < 8; n++) files[`test/${n}.png`] = await blob(100 + n); // square
  const workspace = openWorkspace(folderOf(files));
  const parameters = { sizePx: 224, patches: 100, neighbourhood: 'single' };
  const request = rankSchema.parse({ method: 'patch-memory', parameters, trainOn: 'train/good/**' });
  const runId = (await ended(workspace, workspace.calls.workspace.rank(request))).runId as string;
  const exported = async (to: string) =>
    (await ended(workspace, workspace.calls.classifier.exportModel(exportModelSchema.parse({ runId, to })))).error;
  const to = join(temporaryFolder('detector'), runId);
  expect(await exported(to)).toBe(null);
  const about = JSON.parse(readFileSync(join(to, 'about.json'), 'utf8')) as About & { schema: string };
  expect(about).toMatchObject({ schema: 'winnow/detector@2', inputs: { pixels: { width: 224, height: 160 } } });
  expect(readFileSync(join(to, 'README.md'), 'utf8')).toContain('the aspect ratio of most training images');

  await startBackend();
  const args = { runFolder: runFolder(workspace.workspaceFolder, runId), sides: [160, 224] as const, metadata: {} };
  await serveCall(portableDetector, args); // the models stay loaded
  const { numTensors } = tf.memory();
  await serveCall(portableDetector, args);
  expect(tf.memory().numTensors).toBe(numTensors);

  for (const name of ['train', 'test']) rmSync(join(workspace.folder, name), { recursive: true });
  await scanned(workspace);
  expect(await exported(join(temporaryFolder('detector'), 'none'))).toMatchObject({ code: 'no-samples' });
});

/** An image that is wider than high. */
const wide = async (seed: number, odd = false): Promise<Buffer> =>
  sharp(await blob(seed, odd))
    .resize(96, 72, { fit: 'fill' })
    .png()
    .toBuffer();

async function pixelsOf(
  { folder }: OpenWorkspace,
  samples: readonly Sample[],
  width: number,
  height: number,
): Promise<Float32Array> {
  const rows = await Promise.all(
    samples.map((sample) => withImage(folder, sample, (image) => makeRectangle(image, width, height))),
  );
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

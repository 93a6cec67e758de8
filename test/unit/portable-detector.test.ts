/** Exported detectors: onnxruntime gives the scores of our own model, for every scorer that can be exported. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { scorerOf } from '../../src-main/compute/anomaly/index.ts';
import { exportModelSchema, rankSchema } from '../../src-main/contract/schemas.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import type { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { makeRow } from '../../src-main/image/pixels.ts';
import { withImage } from '../../src-main/image/scanned.ts';
import { rankCorrelation } from '../../src-main/compute/rank-correlation.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { ended, openWorkspace } from '../fixtures/workspace.ts';

/** Parameters that make the training short, and others that lead to other operations. */
const cases: [method: string, parameters: Record<string, unknown>][] = [
  ['nearest', {}],
  ['gaussian', {}],
  ['pca', { sizePx: 32 }],
];

interface About {
  threshold: { score: number | null };
  input: { sizePx: number };
  outputs: Record<string, unknown>;
}

test.each(cases)('%s %j', async (method, parameters) => {
  const files: Record<string, Buffer> = {};
  for (let n = 0; n < 14; n++) files[`train/good/${n}.png`] = await blob(n);
  for (let n = 0; n < 6; n++) files[`test/${n}.png`] = await blob(100 + n, n < 2);
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
  expect([...session.outputNames]).toEqual(Object.keys(about.outputs));
  const samples = workspace.table.samples().filter(({ path }) => path.startsWith('test/')); // the others are left out of their own scores
  const pixels = await pixelsOf(workspace, samples, about.input.sizePx);
  const { score } = await session.run({
    pixels: new ort.Tensor('float32', pixels, [samples.length, about.input.sizePx, about.input.sizePx, 3]),
  });
  const values = workspace.table.values(workspace.runs.get(runId).column);
  const ours = samples.map(({ id }) => values[id]);
  const theirs = Array.from(score.data as Float32Array);
  const largest = Math.max(...ours);
  theirs.forEach((value, i) => expect(Math.abs(value - ours[i]), samples[i].path).toBeLessThan(2e-3 * largest));
  expect(rankCorrelation(theirs, ours)).toBeGreaterThan(0.99);
  expect(about.threshold.score).toBeGreaterThan(0);
  expect(readFileSync(join(to, 'README.md'), 'utf8')).toContain("session.run(['score']");
});

test('a method that cannot be exported yet says so by name', async () => {
  const files: Record<string, Buffer> = {};
  for (let n = 0; n < 6; n++) files[`${n}.png`] = await blob(n);
  const workspace = openWorkspace(folderOf(files));
  await ended(workspace, workspace.calls.workspace.rank(rankSchema.parse({ method: 'padim' })));
  const request = exportModelSchema.parse({ runId: 'padim-1', to: join(temporaryFolder('detector'), 'padim') });
  const { error } = await ended(workspace, workspace.calls.classifier.exportModel(request));
  expect(error).toEqual({ code: 'bad-request', message: `${scorerOf('padim')?.title} cannot be exported yet.` });
});

async function pixelsOf({ folder }: OpenWorkspace, samples: readonly Sample[], sizePx: number): Promise<Float32Array> {
  const rows = await Promise.all(samples.map((sample) => withImage(folder, sample, (image) => makeRow(image, sizePx))));
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

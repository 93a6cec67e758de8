/** Models shared by several calls: none is disposed of while a call uses it, each is loaded once, and nothing leaks. */
import fs from 'node:fs';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { fit } from '../../src-main/compute/anomaly/fit.ts';
import { map, reconstruct } from '../../src-main/compute/anomaly/map.ts';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { predict } from '../../src-main/compute/classify/predict.ts';
import { embed } from '../../src-main/compute/embed/codes.ts';
import { forgetModels, limitModelBytes, withModel } from '../../src-main/compute/model-store.ts';
import { fitArgs, newFolder, packed, picture } from './compute-pictures.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { trainedClassifier } from '../fixtures/trained-classifier.ts';

beforeAll(async () => void (await startBackend()));

const folder = newFolder();
const pixels = packed(
  Array.from({ length: 24 }, (_, i) => picture(i, i % 2 === 1)),
  folder,
);
/** 600 rows: several blocks; the event loop runs after each. */
const many = { ...pixels, rows: Int32Array.from({ length: 600 }, (_, i) => i % 24) };

const classifier = (seed: number) => trainedClassifier(pixels, seed);

test('four classifiers that predict at the same time give the same results as alone', async () => {
  const runs = await Promise.all([1, 2, 3, 4].map(classifier));
  await forgetModels();
  const tensors = tf.memory().numTensors;
  const alone: Float32Array[] = [];
  for (const runFolder of runs) alone.push(await serveCall(predict, { runFolder, pixels: many }));
  await forgetModels();
  const others: Promise<Float32Array>[] = [];
  const first = await serveCall(
    predict,
    { runFolder: runs[0], pixels: many },
    {
      onEvent: () => {
        const next = runs[others.length + 1];
        if (next) others.push(serveCall(predict, { runFolder: next, pixels: many }));
      },
    },
  );
  expect([first, ...(await Promise.all(others))]).toEqual(alone);
  await forgetModels();
  expect(tf.memory().numTensors).toBe(tensors);
});

test('maps of several runs and codes can be computed at the same time', async () => {
  const runs = ['pca', 'conv-ae', 'mlp-ae', 'pca'].map((method) => ({ method, runFolder: newFolder() }));
  for (const [i, { method, runFolder }] of runs.entries())
    await serveCall(
      fit,
      fitArgs(method, pixels, runFolder, { seed: i, params: method === 'pca' ? {} : { epochs: 1 } }),
    );
  await forgetModels();
  const tensors = tf.memory().numTensors;
  const one = { ...pixels, rows: Int32Array.of(5) };
  const alone = [];
  for (const { runFolder } of runs)
    alone.push(
      await serveCall(map, { runFolder, images: one }),
      await serveCall(reconstruct, { runFolder, images: one }),
      await serveCall(embed, { runFolder, images: many }),
    );
  await forgetModels();
  const together = await Promise.all(
    runs.flatMap(({ runFolder }) => [
      serveCall(map, { runFolder, images: one }),
      serveCall(reconstruct, { runFolder, images: one }),
      serveCall(embed, { runFolder, images: many }),
    ]),
  );
  expect(together).toEqual(alone);
  await forgetModels();
  expect(tf.memory().numTensors).toBe(tensors);
});

test('a model is loaded once, reloaded if its file changed, kept up to a memory limit, and not kept after a failed load', async () => {
  const files = ['a', 'b', 'c', 'd'].map((name) => `${folder}/${name}`);
  for (const file of files) fs.writeFileSync(file, file);
  const opened: string[] = [];
  const model = (value: number) => {
    const tensor = tf.scalar(value);
    return { bytes: 4, data: () => tensor.data(), dispose: () => tensor.dispose() };
  };
  limitModelBytes(8);
  onTestFinished(() => limitModelBytes());
  const open = (file: string) => () => (opened.push(file), model(1));
  const tensors = tf.memory().numTensors;
  const use = (file: string): Promise<number> => withModel(file, open(file), async (model) => (await model.data())[0]);
  expect(await Promise.all([...files, ...files].map(use))).toEqual(Array(8).fill(1));
  expect(opened).toEqual(files);
  expect(tf.memory().numTensors - tensors).toBe(2);
  fs.appendFileSync(files[3], 'trained again');
  await use(files[3]);
  expect(opened).toEqual([...files, files[3]]);
  await expect(
    withModel(
      `${folder}/none`,
      () => {
        throw new Error('no such model');
      },
      async () => 0,
    ),
  ).rejects.toThrow('no such model');
  expect(
    await withModel(
      `${folder}/none`,
      () => model(7),
      async (model) => (await model.data())[0],
    ),
  ).toBe(7);
  await forgetModels();
  expect(tf.memory().numTensors).toBe(tensors);
});

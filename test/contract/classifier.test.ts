/** Classifiers on the command line and through the contract: train, evaluate, resume, predict; the preview shows what training sees. */
import { copyFileSync, cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { classifiers } from '../../src-main/compute/classify/index.ts';
import { startFeed } from '../../src-main/compute/train/feed.ts';
import { trainSchema } from '../../src-main/contract/schemas.ts';
import { splitDataset } from '../../src-main/workspace/dataset-split.ts';
import { contentKey, labelsOf, positionsOf } from '../../src-main/jobs/training-data.ts';
import { pixelRecipe } from '../../src-main/jobs/pixels.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { startCompute } from '../../src-main/compute/child.ts';
import { holdOpen, start, untilEpoch, winnow, winnowJson } from '../fixtures/command.ts';
import { blob, blobFolder, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { scanned } from '../fixtures/workspace.ts';

interface TrainJson {
  samples: { path: string; split: string; label: string; predicted: string; probabilities: Record<string, number> }[];
  issues: unknown[];
  run: {
    id: string;
    seed: number;
    by: string;
    division: unknown;
    classes: string[];
    counts: Record<string, number>;
    metrics: Record<string, number>;
    history: { epoch: number; loss: number }[];
    report: Record<string, unknown>;
    parameters: Record<string, unknown>;
  };
}

let folder: string;
/** Kept open by one engine, for commands that can share it. */
const held = { WINNOW_DATA: temporaryFolder('data') };
let closeEngine: () => Promise<void>;
beforeAll(async () => {
  folder = await blobFolder();
  closeEngine = await holdOpen(folder, held);
});
afterAll(() => closeEngine());
const newData = () => ({ WINNOW_DATA: temporaryFolder('data') });
const small = ['--size', '32', '--epochs', '3', '--policy', 'none'];
const tinyCnn = ['--model', 'cnn', '--width', '4', '--depth', '2', '--dense', '8'];

describe.each(classifiers.map(({ id }) => id))('train --model %s', (id) => {
  const own: Record<string, string[]> = {
    vgg: ['--width', '4', '--dense', '16'],
    alexnet: ['--width', '4', '--dense', '16', '--size', '64'],
    vit: ['--width', '16', '--depth', '2', '--heads', '2'],
    resnet: ['--width', '4'],
    'se-resnet': ['--width', '4'],
    cnn: tinyCnn.slice(2),
    mlp: ['--width', '8', '--depth', '1'],
    'efficientnet-lite0': [],
  };
  test('trains and reports', async () => {
    const { run, samples } = await winnowJson<TrainJson>(
      ['train', folder, '--model', id, ...small, '--epochs', '1', ...own[id]],
      held,
    );
    expect(run.id).toBe(`${id}-1`);
    expect(run.classes).toEqual(['good', 'other']);
    expect(samples).toHaveLength(25);
    for (const { probabilities, predicted } of samples) {
      expect(Object.values(probabilities).reduce((a, b) => a + b)).toBeCloseTo(1, 4);
      expect(probabilities[predicted]).toBe(Math.max(...Object.values(probabilities)));
    }
    expect(run.metrics.accuracy).toBeGreaterThanOrEqual(0);
  });
});

describe('train', () => {
  test('the same seed gives the same classifier; folds test each image once; expressions and predict read its predictions', async () => {
    const data = newData();
    onTestFinished(await holdOpen(folder, data));
    const args = ['train', folder, ...tinyCnn, ...small, '--seed', '4'];
    const [first, again] = [
      await winnowJson<TrainJson>(args, data),
      await winnowJson<TrainJson>([...args, '--fresh'], data),
    ];
    expect(again.samples).toEqual(first.samples);
    expect(again.run.id).toBe('cnn-2');
    expect(first.run.counts).toEqual({ train: 17, val: 4, test: 4 });
    expect(first.run.history).toHaveLength(3);
    expect(first.run.division).toEqual({ by: 'auto', shares: { train: 70, val: 15, test: 15 }, folds: 0, seed: 4 });
    const tested = first.samples.filter(({ split }) => split === 'test');
    expect(tested).toHaveLength(4);
    expect(first.run.metrics.accuracy).toBeCloseTo(
      tested.filter(({ label, predicted }) => label === predicted).length / 4,
      10,
    );

    const folds = await winnowJson<TrainJson>([...args, '--folds', '3'], data);
    expect(folds.run.by).toBe('folds');
    expect(folds.samples.every(({ split }) => split === 'test')).toBe(true);
    expect(folds.samples).toHaveLength(25);

    const wanted = first.samples
      .filter(({ label, predicted }) => label === 'good' && predicted === 'other')
      .map(({ path }) => path);
    const shown = await winnow(['show', folder, '--where', "class = 'good' and cnn-1.predicted = 'other'"], data);
    expect(shown.out.trim().split('\n').filter(Boolean)).toEqual(wanted);

    // New images are predicted; earlier predictions do not change.
    const copy = temporaryFolder('copy');
    cpSync(folder, copy, { recursive: true });
    const other = newData();
    onTestFinished(await holdOpen(copy, other));
    const before = await winnowJson<TrainJson>(['train', copy, ...args.slice(2)], other);
    copyFileSync(join(folder, 'good', 'odd.png'), join(copy, 'later.png'));
    const after = await winnowJson<{
      samples: { path: string; split: string | null; label: string | null; probabilities: Record<string, number> }[];
    }>(['predict', copy, '--run', 'cnn-1'], other);
    expect(after.samples).toHaveLength(26);
    const odd = after.samples.find(({ path }) => path === 'good/odd.png');
    expect(after.samples.find(({ path }) => path === 'later.png')).toMatchObject({
      split: null,
      label: null,
      probabilities: expect.objectContaining({}),
    });
    for (const [name, p] of Object.entries(after.samples.find(({ path }) => path === 'later.png')!.probabilities))
      expect(p).toBeCloseTo(odd!.probabilities[name], 5);
    expect(
      after.samples.filter(({ path }) => path !== 'later.png').map(({ path, probabilities }) => [path, probabilities]),
    ).toEqual(before.samples.map(({ path, probabilities }) => [path, probabilities]));
  });

  test('reports problems', async () => {
    const data = newData();
    const flat = temporaryFolder('flat');
    for (const file of readdirSync(join(folder, 'good'))) copyFileSync(join(folder, 'good', file), join(flat, file));
    for (const [args, message] of [
      [['train', flat], /No image has a class yet\. A classifier needs two/],
      [['train', folder, '--model', 'nonsense'], /There is no model ‘nonsense’/],
      [['train', folder, '--folds', '1'], /One fold leaves nothing/],
      [['train', folder, '--weights', '/nowhere.safetensors'], /weights .*cannot be read/],
      [['train', folder, '--crop', '128'], /crop is larger/],
      [['predict', folder], /No classifier has been trained/],
      [['train', folder, '--split-by', 'folders'], /no folders named train/],
      [['train', folder, '--model', 'mlp', '--depth', '-1'], /depth/],
    ] as const) {
      const { code, err } = await winnow([...args], data);
      expect(code, err).toBeGreaterThan(0);
      expect(err).toMatch(message);
      expect(err).not.toMatch(/\bat .*:\d+:\d+/);
    }
  });

  test('weights that do not fit are reported by name and shape', async () => {
    const file = join(temporaryFolder('weights'), 'other.safetensors');
    const header = Buffer.from(
      JSON.stringify({
        'conv1.weight': { dtype: 'F32', shape: [2, 3, 3, 3], data_offsets: [0, 216] },
        'nobody.knows': { dtype: 'F32', shape: [1], data_offsets: [216, 220] },
      }),
    );
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(file, Buffer.concat([length, header, Buffer.alloc(220)]));
    const { code, err } = await winnow(
      ['train', folder, '--model', 'resnet', '--width', '4', ...small, '--weights', file],
      held,
    );
    expect(code).toBe(2);
    expect(err).toMatch(/conv1\.weight/);
    expect(err).toMatch(/nobody\.knows|bn1\.weight|layer1/);
  });

  test('layers, views and runs are available without a window', async () => {
    const data = newData();
    const { layers, parameters, macs } = await winnowJson<{
      layers: { name: string; parameters: number }[];
      parameters: number;
      macs: number;
    }>(['train', folder, '--model', 'resnet', '--width', '64', '--size', '224', '--summary'], data);
    expect(parameters).toBe(11_689_512 - 513 * 998); // ResNet-18 for two classes, not a thousand
    expect(layers.reduce((sum, layer) => sum + layer.parameters, 0)).toBe(parameters);
    expect(macs / 1.814e9).toBeCloseTo(1, 2);
    const to = temporaryFolder('views');
    const { views } = await winnowJson<{ views: { path: string; view: number; steps: string[] }[] }>(
      ['train', folder, ...small.slice(0, 2), '--policy', 'randaugment', '--preview', to, '--views', '3'],
      data,
    );
    expect(views).toHaveLength(2 * 4);
    expect(views.filter(({ view }) => view === 0).every(({ steps }) => steps.length === 0)).toBe(true);
    expect(
      readdirSync(to, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.webp')),
    ).toHaveLength(8);
    expect((await winnow(['train', folder, '--preview', join(folder, 'views')], data)).err).toMatch(/never writes to/);
    expect(existsSync(join(folder, 'views'))).toBe(false);
    expect((await winnowJson<{ runs: unknown[] }>(['runs', folder], data)).runs).toEqual([]);
  });

  test('an untrained classifier gets a note, a trained one does not', async () => {
    const data = newData();
    const plainAndOdd = folderOf(
      Object.fromEntries(
        await Promise.all(
          Array.from(
            { length: 24 },
            async (_, i) => [`${i % 2 ? 'plain' : 'odd'}/${i}.png`, await blob(i, i % 2 === 0)] as const,
          ),
        ),
      ),
    );
    onTestFinished(await holdOpen(plainAndOdd, data));
    const args = ['train', plainAndOdd, ...tinyCnn, '--size', '32', '--policy', 'none', '--split', '100,0,0'];
    const nothing = await winnow([...args, '--epochs', '2', '--learning-rate', '0.0000001', '--json', '-'], data);
    const heldOut = expect.stringMatching(/Nothing is held out/); // the warning of the division
    expect(JSON.parse(nothing.out).run.notes).toEqual([
      heldOut,
      expect.stringMatching(/not better than always predicting the largest class/),
    ]);
    expect(nothing.err).toMatch(/not better than always predicting the largest class/);
    const { run } = await winnowJson<{ run: { notes: string[]; history: { accuracy: number }[] } }>(
      [...args, '--epochs', '30', '--learning-rate', '0.01'],
      data,
    );
    expect(run.history.at(-1)!.accuracy).toBe(1);
    expect(run.notes).toEqual([heldOut]);
  });

  test('a range test reports its curve', async () => {
    const { run } = await winnowJson<{ run: { points: { rate: number }[]; suggested: number } }>(
      ['train', folder, ...tinyCnn, ...small, '--find-rate'],
      held,
    );
    expect(run.points.length).toBeGreaterThan(40);
    expect(run.suggested === null || (run.suggested > 1e-7 && run.suggested < 1)).toBe(true);
  });

  test('killed in epoch 5 of 12, it resumes and ends with the same probabilities', async () => {
    const args = [
      'train',
      folder,
      '--model',
      'resnet',
      '--width',
      '4',
      '--size',
      '32',
      '--policy',
      'randaugment',
      '--dropout',
      '0.2',
      '--epochs',
      '12',
      '--min-steps',
      '6',
      '--json',
      '-',
    ];
    const data = newData();
    const { process: child, ended } = start(args, data);
    await untilEpoch(data.WINNOW_DATA, 4);
    child.kill('SIGKILL');
    await ended;
    onTestFinished(await holdOpen(folder, data));
    const resumed = await winnowJson<TrainJson>(args.slice(0, -2), data);
    expect(resumed.run.id).toBe('resnet-1');
    expect(Number(resumed.run.report.resumedFrom)).toBeGreaterThanOrEqual(3);
    expect(Number(resumed.run.report.resumedFrom)).toBeLessThan(12);
    const whole = await winnowJson<TrainJson>([...args.slice(0, -2), '--fresh'], data);
    expect(whole.run.report.resumedFrom).toBeNull();
    expect(resumed.samples).toEqual(whole.samples);
    expect(resumed.run.history.map(({ epoch, loss }) => [epoch, loss])).toEqual(
      whole.run.history.map(({ epoch, loss }) => [epoch, loss]),
    );
  });
});

test('the pixels of the preview equal those of training, also mixed images', async () => {
  const compute = startCompute();
  const workspace = new OpenWorkspace('preview', folder, temporaryFolder('workspace'), compute);
  try {
    await scanned(workspace);
    const request = trainSchema.parse({
      model: 'cnn',
      seed: 3,
      parameters: { sizePx: 32, cropPx: 28, batch: 6, minSteps: 1, policy: 'randaugment', mixup: 0.4 },
    });
    const samples = workspace.table.samples();
    const {
      classes,
      trainings: [splits],
    } = splitDataset(samples, workspace.groups.list(), request.division);
    using packed = await workspace.rows.make(pixelRecipe(folder, { sizePx: 32 }), samples);
    const train = positionsOf(samples, splits, 'train');
    const parameters = classifiers.find(({ id }) => id === 'cnn')!.schema.parse(request.parameters) as never as {
      batch: number;
      minSteps: number;
      cropPx: number;
    };
    const feed = startFeed({
      pixels: packed.set,
      train,
      batch: parameters.batch,
      minSteps: parameters.minSteps,
      seed: 3,
      epoch: 0,
      epochs: 3,
      make: {
        labels: labelsOf(samples, classes),
        keys: Int32Array.from(samples, contentKey),
        classes: 2,
        smoothing: 0.1,
        cropPx: 28,
        recipe: parameters as never,
      },
    });
    const chosen = [...train.subarray(0, 5)].map((position) => samples[position].id);
    const preview = await workspace.calls.classifier.preview({
      train: request,
      ids: chosen,
      draws: 3,
      runId: null,
      to: null,
    });
    expect(preview.tiles).toHaveLength(5 * 4);
    expect(preview.sizePx).toBe(28);
    expect(preview.tiles.some(({ steps }) => steps.some((step) => /mixed/.test(step)))).toBe(true);
    expect(preview.tiles.filter(({ draw }) => draw < 0).every(({ steps }) => steps.length === 0)).toBe(true);
    let found = 0;
    for (let view = 0; view < 3; view++) {
      for (let step = 0; step < Math.ceil(train.length / 6); step++) {
        const { positions, bytes } = await feed.take();
        positions.forEach((position, i) => {
          const tile = preview.tiles.findIndex(
            ({ sampleId, draw }) => sampleId === samples[position].id && draw === view,
          );
          if (tile < 0) return;
          expect(
            Buffer.compare(
              workspace.previews.tile(preview.id, tile).bytes,
              bytes.subarray(i * 28 * 28 * 3, (i + 1) * 28 * 28 * 3),
            ),
          ).toBe(0);
          found++;
        });
      }
    }
    expect(found).toBe(15);
    await feed.close();
  } finally {
    await workspace.close();
    await compute.stop();
  }
});

/** Filters and feature maps, of every architecture of the registry. */
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { BadParameters } from '../../src-main/compute/bad-parameters.ts';
import { featureMaps, featureThumbs } from '../../src-main/compute/inside/feature-maps.ts';
import { filters } from '../../src-main/compute/inside/filters.ts';
import { layersOf, withSubject, type SubjectRef } from '../../src-main/compute/inside/subject.ts';
import { isKept, mostSnapshots } from '../../src-main/compute/inside/snapshots.ts';
import { models } from '../../src-main/compute/models/index.ts';
import { largestOf, smallestOf } from '../../src-main/contract/numbers.ts';
import type { Fit } from '../../src-main/image/pixels.ts';
import { placeOnImage } from '../../src-main/jobs/inside-explain.ts';
import { seenBox } from '../../src-main/jobs/inside-frame.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { trainedClassifier } from '../fixtures/trained-classifier.ts';
import { untrainedClassifier, type Untrained } from '../fixtures/untrained-classifier.ts';
import { newFolder, packed, picture, sizePx } from './compute-pictures.ts';

beforeAll(async () => void (await startBackend()));

const image = (seed = 1, size = sizePx) => ({ bytes: picture(seed, false, size), height: size, width: size });
const untrained = async (options: Untrained): Promise<SubjectRef> => ({
  kind: 'classifier',
  runFolder: await untrainedClassifier(options),
});

describe('filters', () => {
  it('finds a dead unit, one that its normalisation switches off, and a duplicate', async () => {
    const subject = await untrained({
      model: 'cnn',
      params: { width: 8, depth: 2, dense: 8 },
      change(arrays) {
        const kernel = arrays['block0/kernel']; // [3, 3, 3, 8]
        for (let at = 0; at < kernel.length; at += 8) {
          kernel[at + 2] = 1e-7;
          kernel[at + 5] = 3 * kernel[at + 1];
        }
        arrays['block0/norm/gamma'][6] = 0;
      },
    });
    const { header, kernels, norms } = await serveCall(filters, { subject, layer: 'block0', epoch: null });
    expect(header).toMatchObject({
      outputs: 8,
      rows: 3,
      columns: 3,
      inputs: 3,
      dead: [2, 6],
      duplicates: [[1, 5]],
      isCut: false,
    });
    expect(kernels).toHaveLength(8 * 27);
    for (let unit = 0; unit < 8; unit++)
      expect(norms[unit]).toBeCloseTo(Math.hypot(...kernels.subarray(unit * 27, unit * 27 + 27)), 5);
    expect(header.histogram.counts.reduce((a, b) => a + b)).toBe(8 * 27);
    expect(Math.max(...kernels)).toBeCloseTo(header.histogram.to, 6);
  });

  it('gives each kernel with its outputs first, whatever the kind of layer', async () => {
    let kernel: Float32Array = new Float32Array(0);
    const efficient = await untrained({
      model: 'efficientnet-lite0',
      change: (arrays) => void (kernel = arrays['stage1/block0/depthwise/kernel']), // [3, 3, 96, 1]
    });
    const deep = await serveCall(filters, { subject: efficient, layer: 'stage1/block0/depthwise', epoch: null });
    expect(deep.header).toMatchObject({ outputs: 96, rows: 3, columns: 3, inputs: 1 });
    expect(Array.from(deep.kernels.subarray(9, 18))).toEqual(Array.from({ length: 9 }, (_, i) => kernel[i * 96 + 1]));

    let dense: Float32Array = new Float32Array(0);
    const mlp = await untrained({
      model: 'mlp',
      params: { width: 4 },
      change: (arrays) => void (dense = arrays['hidden0/kernel']),
    });
    const first = await serveCall(filters, { subject: mlp, layer: 'hidden0', epoch: null });
    expect(first.header).toMatchObject({ outputs: 4, rows: 32, columns: 32, inputs: 3 });
    // Unit 3 at row 5, column 7, green.
    expect(first.kernels[3 * 32 * 32 * 3 + (5 * 32 + 7) * 3 + 1]).toBe(dense[((5 * 32 + 7) * 3 + 1) * 4 + 3]);
    await expect(serveCall(filters, { subject: mlp, layer: 'hidden1', epoch: null })).rejects.toThrow(/no pictures/);
    await expect(serveCall(filters, { subject: mlp, layer: 'none', epoch: null })).rejects.toThrow(/no layer ‘none’/);
  });

  it('has the kernels of epochs while it trained, of the untrained network too', async () => {
    const set = packed(
      Array.from({ length: 16 }, (_, i) => picture(i, i % 2 === 1)),
      newFolder(),
    );
    const subject: SubjectRef = { kind: 'classifier', runFolder: await trainedClassifier(set) };
    const at = (epoch: number | null) => serveCall(filters, { subject, layer: 'block0', epoch });
    const [untrainedOnes, last, now] = [await at(0), await at(1), await at(null)];
    expect(now.header.snapshots).toEqual([0, 1]);
    expect(now.header.snapshotBytes).toBeGreaterThan(untrainedOnes.kernels.length * 4 * 2);
    expect(last.kernels).toEqual(now.kernels);
    expect(untrainedOnes.kernels).not.toEqual(now.kernels);
    await expect(at(7)).rejects.toThrow(/epoch 7 were not kept. Epochs: 0, 1/);
  });

  it('keeps at most a few epochs, the first ones close together', () => {
    for (const epochs of [1, 15, 16, 40, 300]) {
      const kept = Array.from({ length: epochs + 1 }, (_, epoch) => epoch).filter((epoch) => isKept(epoch, epochs));
      expect(kept.length).toBeLessThanOrEqual(mostSnapshots);
      expect([kept[0], kept[1], kept.at(-1)]).toEqual([0, epochs > 225 ? 2 : 1, epochs]);
    }
  });
});

describe('every layer has filters and maps, or a reason', () => {
  const small: Record<string, Untrained['params']> = {
    vit: { depth: 2, width: 24 },
    vgg: { dense: 16 },
    alexnet: { dense: 16 },
  };
  it.each(models.map(({ id }) => id))('%s', async (id) => {
    const size = id === 'alexnet' || id === 'vgg' ? 64 : 32;
    const subject = await untrained({ model: id, params: small[id], sizePx: size });
    const layers = await withSubject(subject, (open) => Promise.resolve(layersOf(open)));
    expect(layers.length).toBeGreaterThan(2);
    const { header, maps: bytes } = await serveCall(featureThumbs, { subject, image: image(1, size) });
    expect(bytes).toHaveLength(header.layers.reduce((sum, { rows, columns }) => sum + rows * columns, 0));
    expect(header.layers.every(({ rows, columns }) => rows <= 32 && columns <= 32)).toBe(true);
    if (id !== 'mlp') expect(header.layers.length).toBeGreaterThan(2);
    const tensors = tf.memory().numTensors;
    for (const { name, output, kind } of layers) {
      const { header, maps } = await serveCall(featureMaps, { subject, image: image(1, size), layer: name });
      expect(maps).toHaveLength(header.channels * header.rows * header.columns);
      expect([header.channels, maps.every(Number.isFinite)]).toEqual([output.at(-1), true]);
      expect([smallestOf(maps), largestOf(maps)]).toEqual([header.min, header.max]);
      if (output.length === 1) expect(header.note).toMatch(/no places/);
      const found = await serveCall(filters, { subject, layer: name, epoch: null }).catch((error: unknown) => error);
      if (found instanceof Error) {
        expect(found).toBeInstanceOf(BadParameters);
        expect(kind).not.toMatch(/convolution/);
      } else expect((found as Awaited<ReturnType<typeof filters.run>>).header.outputs).toBe(output.at(-1));
    }
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

it('maps have the values of the layer at its places; tokens are a grid', async () => {
  const subject = await untrained({ model: 'vit', params: { depth: 1, width: 24, patch: 8 } });
  const { header, maps } = await serveCall(featureMaps, { subject, image: image(), layer: 'block0/before' });
  expect(header).toMatchObject({
    rows: 4,
    columns: 4,
    channels: 24,
    note: expect.stringMatching(/class token/) as string,
  });
  const tokens = await withSubject(subject, async (open) => {
    let values: Float32Array = new Float32Array(0);
    tf.tidy(() => {
      open.look(open.input([image()]), (layer, run) => {
        const output = run();
        if (layer.name === 'block0/before') values = output.dataSync<'float32'>();
        return output;
      });
    });
    return Promise.resolve(values);
  });
  // Channel 5 at row 2, column 3: token 1 + 2 · 4 + 3.
  expect(maps[5 * 16 + 2 * 4 + 3]).toBeCloseTo(tokens[12 * 24 + 5], 5);
});

it('says which part of the image the network sees', () => {
  const square = { shape: 'square', sizePx: 100, cropPx: 100 } as const;
  const wide = { width: 200, height: 100 };
  expect(seenBox({ ...square, fit: 'stretch' }, wide)).toEqual({ x: 0, y: 0, width: 1, height: 1 });
  expect(seenBox({ ...square, fit: 'cover' }, wide)).toEqual({ x: 0.25, y: 0, width: 0.5, height: 1 });
  expect(seenBox({ ...square, fit: 'contain' }, wide)).toEqual({ x: 0, y: -0.5, width: 1, height: 2 });
  expect(seenBox({ ...square, fit: 'stretch', cropPx: 50 }, wide)).toEqual({
    x: 0.25,
    y: 0.25,
    width: 0.5,
    height: 0.5,
  });
});

it('places a map of the input of the network on the whole image', () => {
  const frame = { shape: 'square', sizePx: 100, cropPx: 100 } as const;
  const wide = { width: 200, height: 100 };
  const map = { values: new Float32Array(16), rows: 4, columns: 4 };
  map.values[1 * 4 + 2] = 1;
  const place = (fit: Fit, image = wide, cropPx = 100) => {
    const { values, rows, columns, note } = placeOnImage(map, { ...frame, fit, cropPx }, image);
    const at = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
    return { rows, columns, row: Math.floor(at / columns), column: at % columns, note };
  };
  const part = expect.stringMatching(/the centre of the image only/) as string;
  expect(place('stretch')).toEqual({ rows: 4, columns: 4, row: 1, column: 2, note: null });
  expect(place('cover')).toEqual({ rows: 4, columns: 8, row: 1, column: 4, note: part });
  expect(place('contain')).toEqual({ rows: 2, columns: 4, row: 0, column: 2, note: null });
  expect(place('stretch', wide, 50)).toEqual({ rows: 8, columns: 8, row: 3, column: 4, note: part });
  // A scan line: the map stays small.
  const { rows, columns } = place('cover', { width: 60_000_000, height: 10 });
  expect(rows * columns).toBeLessThan(2 ** 23);
});

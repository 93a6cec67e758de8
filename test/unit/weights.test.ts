/**
 * External weights: a safetensors file with torchvision's or timm's names gives the same outputs as in PyTorch (fixtures/weights.json, written by weights.py;
 * both sides generate the same weights). A file that does not fit or is damaged gives an error message.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Tensor4D } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { declare } from '../../src-main/compute/models/declare.ts';
import { loadForeign } from '../../src-main/compute/models/foreign.ts';
import { modelOf } from '../../src-main/compute/models/index.ts';
import type { Classifier } from '../../src-main/compute/models/model.ts';
import { Network } from '../../src-main/compute/models/network.ts';
import { openSafetensors } from '../../src-main/compute/safetensors.ts';
import { drawn, drawnAll, numbers, writeForeign, type Stored } from '../fixtures/foreign-weights.ts';

interface Known {
  library: string;
  model: string;
  params: Record<string, unknown>;
  sizePx: number;
  /** name:shape, in the file's order */
  tensors: string;
  logits: number[][];
}
const known = JSON.parse(fs.readFileSync(new URL('../fixtures/weights.json', import.meta.url), 'utf8')) as Known[];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-weights-'));
const file = path.join(folder, 'model.safetensors');
beforeAll(async () => void (await startBackend()));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const tensorsOf = ({ tensors }: Known): Stored[] => drawnAll(tensors);
const write = (stored: Stored[], change?: (header: Record<string, unknown>) => unknown): void =>
  writeForeign(file, stored, change);

const architectureOf = ({ model, params, sizePx }: Known, classes = 10): Classifier =>
  modelOf(model)!.build(params, { sizePx, classes });
const networkOf = (one: Known, classes = 10): Network<Classifier> =>
  new Network(architectureOf(one, classes), [one.sizePx, one.sizePx, 3], 1);

describe.each(known.map((one) => [one.library, one.model, one.params, one] as const))(
  'weights of %s for %s %o',
  (_library, model, params, one) => {
    const record = modelOf(model)!;
    // The file shows parameters that other defaults would get wrong; EfficientNet-Lite0 has one shape only.
    let shownParameters: Record<string, unknown> = {};
    beforeAll(() => {
      write(tensorsOf(one));
      const source = openSafetensors(file);
      shownParameters = record.foreignParameters?.(source.tensors) ?? {};
      source.close();
    });

    it('give the outputs of that library', async () => {
      const network = networkOf({ ...one, params: { ...params, ...shownParameters } });
      const before = tf.memory().numTensors;
      const { loaded, skipped } = await loadForeign(network, record, params, file);
      expect(tf.memory().numTensors).toBe(before);
      expect(skipped.filter((name) => !name.endsWith('num_batches_tracked'))).toEqual([]);
      expect(loaded).toBe(network.pieces.length + network.moving.length);
      const x = tf.tensor4d(Float32Array.from(numbers('images', 2 * one.sizePx ** 2 * 3)), [
        2,
        one.sizePx,
        one.sizePx,
        3,
      ]) as Tensor4D;
      const logits = network.infer(x);
      const [p, q] = [logits.dataSync(), one.logits.flat()];
      const largest = Math.max(...q.map(Math.abs));
      expect(Math.max(...q.map((value, i) => Math.abs(value - p[i]))) / largest).toBeLessThan(1e-4);
      // The outputs of different images differ by far more.
      expect(
        Math.max(...one.logits[0].map((value, i) => Math.abs(value - one.logits[1][i]))) / largest,
      ).toBeGreaterThan(1e-2);
      tf.dispose([x, logits]);
      network.dispose();
    });

    it('give a message that names the right parameters if loaded with the defaults', async () => {
      if (!record.foreignParameters) return expect(model).toBe('efficientnet-lite0');
      const pieces = (from: Record<string, unknown>) =>
        declare(architectureOf({ ...one, params: from }).forward, [one.sizePx, one.sizePx, 3]).weights.map(
          ({ name, shape }) => [name, shape],
        );
      expect(pieces({ ...params, ...shownParameters })).toEqual(pieces(params));
      const others = networkOf({ ...one, params: {} });
      const message = await loadForeign(others, record, {}, file).then(
        () => '',
        (error: Error) => error.message,
      );
      expect(message).toMatch(
        new RegExp(`They were made with .*\\bwidth ${String(params.width)}\\b.*: set these and try again\\.$`),
      );
      others.dispose();
    });
  },
);

describe('external weights', () => {
  const one = known.find(({ model, params }) => model === 'vgg' && params.batchNorm === false)!;
  const attempt = async (
    stored: Stored[],
    head: 'load' | 'fresh' = 'load',
    classes = 10,
  ): Promise<{ network: Network<Classifier>; message: string }> => {
    write(stored);
    const network = networkOf(one, classes);
    const message = await loadForeign(network, modelOf(one.model)!, one.params, file, { head }).then(
      () => '',
      (error: Error) => error.message,
    );
    return { network, message };
  };

  it('of other classes are loaded except for the head', async () => {
    const { network, message } = await attempt(tensorsOf(one), 'load', 3);
    expect(message).toContain(
      'Of another shape: classifier.6.weight is [10, 48] and would have to be [3, 48]; classifier.6.bias is [10] and would have to be [3].',
    );
    const fresh = networkOf(one, 3);
    expect(network.weights.dataSync()).toEqual(fresh.weights.dataSync());
    const { skipped } = await loadForeign(network, modelOf(one.model)!, one.params, file, { head: 'fresh' });
    expect(skipped).toEqual(['classifier.6.weight', 'classifier.6.bias']);
    const [loaded, random] = [network, fresh].map((n) => n.weights.dataSync());
    const head = 48 * 3 + 3;
    expect(loaded.slice(-head)).toEqual(random.slice(-head));
    expect(loaded.filter((value, i) => value !== random[i]).length).toBeGreaterThan(0.99 * (loaded.length - head));
    network.dispose();
    fresh.dispose();
  });

  it('of another network are refused, by name and shape', async () => {
    const stored = tensorsOf(one);
    const { network, message } = await attempt([
      ...stored.filter(({ name }) => name !== 'features.0.bias'),
      drawn('extra.weight', [2, 3]),
    ]);
    expect(message).toContain('model.safetensors');
    expect(message).toContain('Missing: features.0.bias [8].');
    expect(message).toContain('Superfluous: extra.weight [2, 3].');
    network.dispose();
    const { network: other, message: many } = await attempt(tensorsOf(known.find(({ model }) => model === 'resnet')!));
    expect(many).toMatch(/and \d+ more/);
    expect(many.length).toBeLessThan(1000);
    other.dispose();
  });

  it('are refused if no library has the network', async () => {
    const [cnn, params] = [modelOf('cnn')!, { width: 4, depth: 2 }];
    const network = new Network(cnn.build(params, { sizePx: 16, classes: 2 }), [16, 16, 3], 1);
    await expect(loadForeign(network, cnn, params, file)).rejects.toThrow('no other library has this network');
    network.dispose();
  });
});

describe('safetensors', () => {
  const floats = [1, -2.5, 65504, 2 ** -24, 0, Infinity];
  const F32: Stored = {
    name: 'a',
    dtype: 'F32',
    shape: [2, 3],
    bytes: new Uint8Array(Float32Array.from(floats).buffer),
  };

  it('are read in every float type, and as integers', () => {
    const F16 = {
      ...F32,
      name: 'b',
      dtype: 'F16',
      bytes: new Uint8Array(Uint16Array.of(0x3c00, 0xc100, 0x7bff, 0x0001, 0x8000, 0x7c00).buffer),
    };
    const BF16 = {
      ...F32,
      name: 'c',
      dtype: 'BF16',
      bytes: new Uint8Array(Uint16Array.of(0x3f80, 0xc020, 0x477f, 0x3380, 0x0000, 0x7f80).buffer),
    };
    const F64 = { ...F32, name: 'd', dtype: 'F64', bytes: new Uint8Array(Float64Array.from(floats).buffer) };
    const I64: Stored = {
      name: 'e',
      dtype: 'I64',
      shape: [2],
      bytes: new Uint8Array(BigInt64Array.of(-3n, 2n ** 40n).buffer),
    };
    const I8: Stored = { name: 'f', dtype: 'I8', shape: [1], bytes: new Uint8Array(1) };
    write([F32, F16, BF16, F64, I64, I8]);
    const source = openSafetensors(file);
    expect(source.tensors.get('a')!.shape).toEqual([2, 3]);
    expect([...source.read('a')]).toEqual([...Float32Array.from(floats)]);
    expect([...source.read('b')]).toEqual([1, -2.5, 65504, 2 ** -24, -0, Infinity]);
    expect([...source.read('c')]).toEqual([1, -2.5, 65280, 2 ** -24, 0, Infinity]);
    expect([...source.read('d')]).toEqual(floats);
    expect([...source.read('e')]).toEqual([-3, 2 ** 40]);
    expect(() => source.read('f')).toThrow('unsupported type I8');
    expect(() => source.read('g')).toThrow("no tensor 'g'");
    source.close();
  });

  const entry = (change: Record<string, unknown>) => (header: Record<string, unknown>) => ({
    ...header,
    a: { ...(header.a as object), ...change },
  });
  it.each<[what: string, damage: () => void, message: string]>([
    ['empty', () => fs.writeFileSync(file, ''), 'no header'],
    [
      'a header longer than the file',
      () =>
        fs.writeFileSync(file, Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 255, 255, 255]), Buffer.alloc(8)])),
      'its header would have',
    ],
    [
      'another kind of file',
      () => fs.writeFileSync(file, Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('PK34')])),
      'not JSON',
    ],
    ['a list for a header', () => write([], () => []), 'not a list of tensors'],
    ['cut off', () => (write([F32]), fs.truncateSync(file, fs.statSync(file).size - 5)), '5 bytes are missing'],
    ['more at its end', () => (write([F32]), fs.appendFileSync(file, 'xyz')), '3 bytes at its end'],
    ['a shape that its bytes do not fill', () => write([F32], entry({ shape: [2, 4] })), '[2, 4]'],
    ['a negative side', () => write([F32], entry({ shape: [-2, -3] })), 'does not say'],
    ['an unknown type', () => write([F32], entry({ dtype: 'X9' })), 'does not say'],
    ['no offsets', () => write([F32], entry({ data_offsets: undefined })), 'does not say'],
    [
      'tensors on top of each other',
      () => write([F32, { ...F32, name: 'z' }], entry({ data_offsets: [24, 48] })),
      'overlap',
    ],
  ])('that are damaged (%s) are refused', (_what, damage, message) => {
    damage();
    expect(() => openSafetensors(file)).toThrow(message);
    expect(() => openSafetensors(file)).toThrow(
      /^model\.safetensors is not a complete safetensors file: .*\. Download it again\.$/,
    );
  });
});

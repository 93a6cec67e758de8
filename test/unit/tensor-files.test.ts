/** Stored tensors: models, checkpoints and predictions are safetensors files; files in the former format can still be read. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fit } from '../../src-main/compute/anomaly/fit.ts';
import { map } from '../../src-main/compute/anomaly/map.ts';
import { startBackend } from '../../src-main/compute/backend.ts';
import { predict } from '../../src-main/compute/classify/predict.ts';
import { forgetModels } from '../../src-main/compute/model-store.ts';
import { checkpointFile, modelFile } from '../../src-main/compute/run-files.ts';
import { readTensors, writeTensors, type TensorFile } from '../../src-main/compute/tensor-file.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { trainedClassifier } from '../fixtures/trained-classifier.ts';
import { fitArgs, newFolder, packed, picture } from './compute-pictures.ts';

beforeAll(async () => void (await startBackend()));

/** Writes a file as the first versions did. */
function writeFormerFormat(file: string, { header, arrays }: TensorFile<object>): void {
  const names = Object.keys(arrays);
  const json = JSON.stringify({ header, arrays: names.map((name) => [name, arrays[name].length]) });
  const head = Buffer.from(json.padEnd(json.length + ((4 - (Buffer.byteLength(json) % 4)) % 4)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  const floats = names.map((name) => Buffer.from(arrays[name].slice().buffer));
  fs.writeFileSync(file, Buffer.concat([length, head, ...floats]));
}

/** Converts a network's named tensors to the two vectors of the former format. */
function makeFormer(file: string): void {
  const { header, arrays } = readTensors<object>(file)!;
  const joined = (isIn: (name: string) => boolean): Float32Array =>
    Float32Array.from(Object.keys(arrays).flatMap((name) => (isIn(name) ? [...arrays[name]] : [])));
  const isMoving = (name: string): boolean => /\/(mean|variance)$/.test(name);
  const isNetwork = Object.keys(arrays).some((name) => name.endsWith('/kernel'));
  const former = isNetwork ? { weights: joined((name) => !isMoving(name)), statistics: joined(isMoving) } : arrays;
  writeFormerFormat(file, { header, arrays: former });
}

/** Reads a file according to the published description of the format. */
function parse(file: string) {
  const bytes = fs.readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const { __metadata__: metadata, ...tensors } = JSON.parse(bytes.toString('utf8', 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  > & { __metadata__: Record<string, string> };
  const read = ({ data_offsets: [from, to] }: { data_offsets: [number, number] }): number[] =>
    Array.from({ length: (to - from) / 4 }, (_, i) => bytes.readFloatLE(start + from + 4 * i));
  return { start, bytes, metadata, tensors, read };
}

const pixels = packed(
  Array.from({ length: 16 }, (_, i) => picture(i, i % 2 === 1)),
  newFolder(),
);

describe('a file of tensors', () => {
  it('is safetensors: header, metadata as JSON texts, shapes, contiguous floats', () => {
    const file = path.join(newFolder(), 'some.tensors');
    const arrays = { a: Float32Array.of(1, 2.5, -3, 4, 5, 6), none: new Float32Array(0) };
    writeTensors(file, { header: { name: 'ü', seeds: [1, 2] }, arrays, shapes: { a: [2, 3] } });
    const { start, bytes, metadata, tensors, read } = parse(file);
    expect(start % 8).toBe(0);
    expect(bytes.length).toBe(start + 24);
    expect(metadata).toEqual({ name: '"ü"', seeds: '[1,2]' });
    expect(tensors).toEqual({
      a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      none: { dtype: 'F32', shape: [0], data_offsets: [24, 24] },
    });
    expect(read(tensors.a)).toEqual([1, 2.5, -3, 4, 5, 6]);
  });

  it('stores a classifier’s weights by name and shape', async () => {
    const { metadata, tensors } = parse(modelFile(await trainedClassifier(pixels)));
    expect(JSON.parse(metadata.classes)).toEqual(['disc', 'cross']);
    expect(tensors['head/kernel'].shape).toEqual([8, 2]);
    expect(tensors['head/bias'].shape).toEqual([2]);
    expect(Object.values(tensors).every(({ dtype }) => dtype === 'F32')).toBe(true);
  });
});

describe('a file of the former format', () => {
  it.each(['conv-ae', 'mlp-ae'])('has no normal errors of %s: the message says what to do', async (method) => {
    const runFolder = newFolder();
    await serveCall(fit, fitArgs(method, pixels, runFolder, { params: { epochs: 1 } }));
    makeFormer(modelFile(runFolder));
    const one = { runFolder, images: { ...pixels, rows: Int32Array.of(3) } };
    await expect(serveCall(map, one)).rejects.toThrow(/earlier version.*Rank again/);
    await forgetModels();
  });

  it('gives the maps of pca', async () => {
    const runFolder = newFolder();
    await serveCall(fit, fitArgs('pca', pixels, runFolder));
    const one = { runFolder, images: { ...pixels, rows: Int32Array.of(3) } };
    const before = await serveCall(map, one);
    await forgetModels();
    makeFormer(modelFile(runFolder));
    expect(await serveCall(map, one)).toEqual(before);
    await forgetModels();
  });

  it('gives a classifier’s predictions', async () => {
    const runFolder = await trainedClassifier(pixels);
    const before = await serveCall(predict, { runFolder, pixels });
    await forgetModels();
    makeFormer(modelFile(runFolder));
    expect(await serveCall(predict, { runFolder, pixels })).toEqual(before);
    await forgetModels();
  });

  it('resumes a training to bit-identical results', async () => {
    const params = { epochs: 6 };
    const whole = await serveCall(fit, fitArgs('conv-ae', pixels, newFolder(), { params }));
    const runFolder = newFolder();
    const stop = new AbortController();
    await expect(
      serveCall(fit, fitArgs('conv-ae', pixels, runFolder, { params }), {
        signal: stop.signal,
        onEvent: (event) => void (event.stage === 'train' && event.epoch === 4 && stop.abort()),
      }),
    ).rejects.toThrow();
    const { header, arrays } = readTensors<{ history: { valLoss?: number | null }[] }>(checkpointFile(runFolder))!;
    writeFormerFormat(checkpointFile(runFolder), { header, arrays });
    const resumed = await serveCall(fit, fitArgs('conv-ae', pixels, runFolder, { params, resume: true }));
    expect(resumed.resumedFrom).toBeGreaterThanOrEqual(3);
    expect(resumed.scores).toEqual(whole.scores);
    expect(resumed.history.map(({ loss, valLoss }) => [loss, valLoss])).toEqual(
      whole.history.map(({ loss, valLoss }) => [loss, valLoss]),
    );
  });
});

/** Invalid files of weights, models, checkpoints and packed rows: no hang, no large read, and a clear error. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import { openSafetensors } from '../../src-main/compute/safetensors.ts';
import { Pixels, range } from '../../src-main/compute/pixels.ts';
import { readFloats } from '../../src-main/rows/row-reader.ts';
import type { RowSet } from '../../src-main/rows/row-set.ts';
import { readTensors, removeParts, writeTensors } from '../../src-main/compute/tensor-file.ts';
import { trainSchema } from '../../src-main/contract/schemas.ts';
import { jobEnded, type Job } from '../../src-main/contract/types.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';
import { hasSmallDisks, onSmallDisk } from '../fixtures/small-disk.ts';

const folder = temporaryFolder('model-files');
const named = (name: string): string => join(folder, name);

/** A safetensors file with this header, its real or a false length, and then zeros in a sparse file. */
function safetensors(
  name: string,
  header: object | string,
  { headBytes, dataBytes = 0 }: { headBytes?: bigint; dataBytes?: number } = {},
): string {
  const head = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headBytes ?? BigInt(head.length));
  fs.writeFileSync(named(name), Buffer.concat([length, head]));
  fs.truncateSync(named(name), 8 + head.length + dataBytes);
  return named(name);
}

test('a path that is not a weights file gives an error message that says what it is', async () => {
  execFileSync('mkfifo', [named('pipe')]);
  const refused: [string, RegExp][] = [
    ['/dev/zero', /not a regular file/],
    [named('pipe'), /not a regular file/],
    [folder, /not a regular file/],
    [named('none'), /no such file|does not exist/],
    [safetensors('huge', {}, { dataBytes: 9 * 2 ** 30 }), /larger than 8 GiB/],
  ];
  const compute = startCompute();
  const workspace = new OpenWorkspace('0', await blobFolder(), temporaryFolder('workspace'), compute);
  const finished = async ({ id }: Job): Promise<Job> => {
    for await (const event of workspace.events(AbortSignal.timeout(60_000)))
      if (event.type === 'job' && event.job.id === id && jobEnded(event.job.state)) return event.job;
    throw new Error('the job did not end');
  };
  try {
    for (const [weights, why] of refused) {
      expect(() => openSafetensors(weights)).toThrow(why);
      const { error } = await finished(workspace.calls.classifier.train(trainSchema.parse({ model: 'cnn', weights })));
      expect(error).toEqual({
        code: 'bad-request',
        message: expect.stringMatching(new RegExp(`^The weights ${weights} cannot be read\\. .*${why.source}`, 'i')),
      });
    }
    const { error } = await finished(
      workspace.calls.classifier.train(
        trainSchema.parse({ model: 'resnet', weights: safetensors('text', 'no JSON'), parameters: { epochs: 1 } }),
      ),
    );
    expect(error).toEqual({
      code: 'bad-request',
      message: 'text is not a complete safetensors file: its header is not JSON. Download it again.',
    });
  } finally {
    await workspace.close();
    await compute.stop();
  }
});

test('the header of a weights file is validated before any data is read', () => {
  const tensor = (data_offsets: unknown, shape: unknown = [2], dtype = 'F32') => ({
    a: { dtype, shape, data_offsets },
  });
  const damaged: [string, object | string, Parameters<typeof safetensors>[2], RegExp][] = [
    ['longer', {}, { headBytes: 10n ** 6n }, /header would have 1000000 bytes/],
    ['endless', {}, { headBytes: 2n ** 63n }, /header would have/],
    [
      'more-than-the-format-allows',
      {},
      { headBytes: 100_000_001n, dataBytes: 200_000_000 },
      /header would have 100000001 bytes/,
    ],
    ['beyond', tensor([0, 8]), { dataBytes: 4 }, /4 bytes are missing at its end/],
    ['far-beyond', tensor([0, 8 * 2 ** 40], [2 * 2 ** 40]), { dataBytes: 8 }, /bytes are missing at its end/],
    ['negative', tensor([-8, 0]), { dataBytes: 8 }, /does not say what 'a' is/],
    ['fraction', tensor([0, 8], [1.5]), { dataBytes: 8 }, /does not say what 'a' is/],
    ['unknown-type', tensor([0, 8], [2], 'constructor'), { dataBytes: 8 }, /does not say what 'a' is/],
    ['list', '[]', {}, /not a list of tensors/],
  ];
  for (const [name, header, how, why] of damaged)
    expect(() => openSafetensors(safetensors(name, header, how)), name).toThrow(why);
});

test('a truncated model or checkpoint counts as missing; one that cannot be opened gives an error', () => {
  const file = named('model.bin');
  const arrays = { weights: Float32Array.from({ length: 1000 }, (_, i) => i) };
  writeTensors(file, { header: { epoch: 3 }, arrays });
  expect(readTensors(file)).toEqual({ header: { epoch: 3 }, arrays });
  const whole = fs.readFileSync(file);
  const changed = (change: (bytes: Buffer) => Buffer): unknown => (
    fs.writeFileSync(file, change(Buffer.from(whole))),
    readTensors(file)
  );
  expect(changed((bytes) => bytes.subarray(0, -1))).toBeUndefined();
  expect(changed((bytes) => bytes.subarray(0, 5))).toBeUndefined();
  expect(changed((bytes) => (bytes.writeBigUInt64LE(2n ** 40n), bytes))).toBeUndefined();
  expect(
    changed((bytes) => Buffer.from(bytes.toString('latin1').replace('"shape":[1000]', '"shape":[9e15]'), 'latin1')),
  ).toBeUndefined();
  expect(
    changed((bytes) => Buffer.from(bytes.toString('latin1').replace('"dtype"', '"dtypo"'), 'latin1')),
  ).toBeUndefined();
  expect(
    changed((bytes) => Buffer.from(bytes.toString('latin1').replace('"epoch":"3"', '"epoch":"]"'), 'latin1')),
  ).toBeUndefined();
  expect(readTensors(named('nothing.bin'))).toBeUndefined();
  fs.mkdirSync(named('folder.bin'));
  expect(() => readTensors(named('folder.bin'))).toThrow(/not a regular file/);
  fs.writeFileSync(named('model.bin.4711.part'), 'half of it');
  removeParts(folder);
  expect(fs.readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test.skipIf(!hasSmallDisks)(
  'a full disk leaves the old file in place and fails a training with a message; the training resumes when there is space',
  async () => {
    expect(await onSmallDisk('full-disk-training.ts', 8)).toEqual({
      written: { code: 'ENOSPC', kept: 'old', files: ['some.tensors'] },
      failed: {
        code: 'disk-full',
        message:
          'The disk that holds the workspace is full. Free some space and start the same task again: a training resumes from its last epoch.',
      },
      parts: ['checkpoint.bin', 'snapshots'],
      resumedFrom: expect.toSatisfy((epoch: number) => epoch >= 2 && epoch <= 4),
      epochsRun: 12,
      model: true,
    });
  },
);

test('rows of pixels and embeddings beyond the end of their file are an error, however the file was truncated', () => {
  const row = 8 * 8 * 3;
  const pixels: RowSet = { file: named('8.u8'), type: 'uint8', shape: [8, 8, 3], rows: range(0, 4) };
  fs.writeFileSync(pixels.file, Buffer.alloc(4 * row, 7));
  const open = new Pixels(pixels);
  expect(open.read(range(0, 4)).every((value) => value === 7)).toBe(true);
  fs.truncateSync(pixels.file, 2.5 * row); // in the middle of row 2
  expect(() => open.read(range(1, 4))).toThrow(/end before row 2\. Start again/);
  expect(() => open.read(Int32Array.of(3))).toThrow(/end before row 3/);
  expect(open.read(range(0, 2)).every((value) => value === 7)).toBe(true);
  open.close();
  expect(() => new Pixels(pixels)).toThrow(/end before row 3/);
  expect(() => new Pixels({ ...pixels, rows: Int32Array.of(2) })).toThrow(/end before row 2/);

  const embeddings: RowSet = { file: named('codes.f32'), type: 'float32', shape: [6], rows: range(0, 4) };
  fs.writeFileSync(embeddings.file, Buffer.alloc(4 * 24, 1));
  expect(readFloats(embeddings, 3).length).toBe(12);
  fs.truncateSync(embeddings.file, 2.5 * 24);
  expect(() => readFloats(embeddings)).toThrow(/end before row 3/);
  expect(() => readFloats({ ...embeddings, rows: Int32Array.of(2) })).toThrow(/end before row 2/);
  expect(() => readFloats({ ...embeddings, rows: Int32Array.of(0, 3) })).toThrow(/end before row 3/);
});

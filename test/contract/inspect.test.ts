/** A look inside a network through the three doors: in the process, as frames over HTTP, and as a command with its files. */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { lastFrame, type Values } from '../../src-main/contract/arrays.ts';
import type { FeatureMaps, Maximised } from '../../src-main/contract/inside.ts';
import type { InsideCalls } from '../../src-main/contract/inside-procedures.ts';
import { trainSchema } from '../../src-main/contract/schemas.ts';
import { serveInside } from '../../src-main/door/inside.ts';
import { winnow, winnowJson } from '../fixtures/command.ts';
import { blob, folderOf, temporaryFolder } from '../fixtures/images.ts';
import { ended, openWorkspace } from '../fixtures/workspace.ts';

const sizePx = 32;
const parameters = { sizePx, cropPx: 0, width: 4, depth: 2, dense: 8, epochs: 2, minSteps: 1 };
let folder: string;
beforeAll(async () => {
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < 16; i++) files[`${i % 2 ? 'odd' : 'even'}/${i}.png`] = await blob(i, i % 2 === 1);
  folder = folderOf(files);
});

test('frames over HTTP are what the call answers, and a client that leaves ends its call', async () => {
  const workspace = openWorkspace(folder);
  await ended(workspace, workspace.calls.classifier.train(trainSchema.parse({ model: 'cnn', parameters })));
  const run = 'cnn-1';
  let outcome: Promise<unknown> = Promise.resolve();
  const calls: InsideCalls = {
    ...workspace.inside,
    maximise: (...args) => (outcome = workspace.inside.maximise(...args)) as never,
  };
  const server = createServer((request, response) => void serveInside(calls, request.url!, response)).listen(0);
  onTestFinished(() => void server.close());
  const ask = (name: string, request: unknown, signal?: AbortSignal) =>
    fetch(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/inside/${name}/${encodeURIComponent(JSON.stringify(request))}`,
      {
        signal,
      },
    );
  const own = { signal: new AbortController().signal, onEvent: () => undefined };

  const request = { run, layer: 'block1', sampleId: workspace.table.samples()[0].id };
  const [here, there] = [
    await workspace.inside.featureMaps(request, own),
    await lastFrame<FeatureMaps>((await ask('featureMaps', request)).body!),
  ];
  expect(there).toEqual(here);
  expect(there.header).toMatchObject({
    channels: 8,
    rows: 16,
    columns: 16,
    covers: { x: 0, y: 0, width: 1, height: 1 },
  });

  const seen: { event: Maximised; arrays: Record<string, Values> }[] = [];
  const goal = { layer: 'block1', unit: 0 };
  const climbed = await lastFrame<Maximised, Maximised>(
    (await ask('maximise', { run, goal: { class: 'odd' }, steps: 9 })).body!,
    (event, arrays) => seen.push({ event, arrays }),
  );
  expect(seen.map(({ event, arrays }) => [event.step, arrays.image.length])).toEqual(
    [4, 8].map((step) => [step, sizePx ** 2 * 3]),
  );
  expect(climbed.arrays.image).toHaveLength(sizePx ** 2 * 3);

  const leave = new AbortController();
  const left = ask('maximise', { run, goal, steps: 2000 }, leave.signal).then((answer) =>
    lastFrame<Maximised>(answer.body!, () => leave.abort()),
  );
  await expect(left).rejects.toThrow(/abort/i);
  await expect(outcome).rejects.toMatchObject({ code: 'cancelled' });

  const refused = lastFrame((await ask('filters', { run, layer: 'head' })).body!);
  await expect(refused).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(/no pictures/) as string,
  });
  await expect(lastFrame((await ask('decode', { run, of: { kind: 'line', from: 0, to: 1 } })).body!)).rejects.toThrow(
    /no autoencoder/,
  );
});

interface InspectJson {
  schema: string;
  folder: string;
  run: string;
  layers: { name: string; kind: string; shape: number[]; parameters: number; flops: number; dead: number | null }[];
  unit: { layer: string; unit: number; most: { path: string; value: number; box: object }[]; byClass: object[] };
}

test('`inspect` lists layers with their dead units, and writes filters, maps and what a unit answers to', async () => {
  const data = { WINNOW_DATA: mkdtempSync(join(tmpdir(), 'winnow-data-')) };
  const kebab = (name: string) =>
    name
      .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
      .replace('size-px', 'size')
      .replace('crop-px', 'crop');
  const set = Object.entries(parameters).flatMap(([name, value]) => [`--${kebab(name)}`, `${value}`]);
  expect(await winnow(['train', folder, '--model', 'cnn', ...set], data)).toMatchObject({ code: 0 });
  const to = temporaryFolder('inspect');
  const [filters, maps] = [join(to, 'filters'), join(to, 'maps')];
  const found = await winnowJson<InspectJson>(
    ['inspect', folder, '--filters', filters, '--maps', 'odd/1.png', maps, '--unit', 'block1:3'],
    data,
  );
  expect(found).toMatchObject({ schema: 'winnow/inspect@1', run: 'cnn-1', unit: { layer: 'block1', unit: 3 } });
  const block = found.layers.find(({ name }) => name === 'block0')!;
  // 4 kernels of 3 × 3 × 3, and the normalisation's two numbers per channel.
  expect(block).toMatchObject({
    kind: 'convolution',
    shape: [32, 32, 4],
    parameters: 4 * 27 + 8,
    flops: 2 * 32 * 32 * 4 * 27,
  });
  expect(block.dead).toBeGreaterThanOrEqual(0);
  expect(found.layers.find(({ name }) => name === 'head')!.dead).toBeNull();
  expect(found.unit.most).toHaveLength(12);
  expect(found.unit.byClass).toHaveLength(2);

  expect(readdirSync(filters).sort()).toEqual(['block0.png', 'block1.png', 'winnow-files.jsonl']);
  // 4 tiles of 3 × 3 weights, each weight 5 px wide, in 2 × 2, with gaps of 2 px.
  expect(await sharp(join(filters, 'block0.png')).metadata()).toMatchObject({ width: 36, height: 36 });
  expect(existsSync(join(maps, 'block1.png'))).toBe(true);
  const npy = readFileSync(join(maps, 'block1.npy'));
  expect(npy.subarray(0, 128).toString('latin1')).toMatch(/NUMPY.*'<f4'.*\(8, 16, 16\)/s);
  expect((npy.length - 128) / 4).toBe(8 * 16 * 16);

  const again = await winnow(['inspect', folder, '--run', 'cnn-1', '--unit', 'block1:3'], data);
  expect(again.code).toBe(0);
  expect(again.out).toMatch(/^layer +kind +output +parameters +FLOPs +dead units\n/);
  expect(again.out).toContain('block1:3 answers most to');
  expect(await winnow(['inspect', folder, '--unit', 'block1'], data)).toMatchObject({ code: 2 });
  expect(await winnow(['inspect', folder, '--unit', 'none:1'], data)).toMatchObject({
    code: 2,
    err: expect.stringMatching(/no layer ‘none’/) as string,
  });
  expect(await winnow(['inspect', folder, '--filters', join(folder, 'in')], data)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/never writes to an opened folder/) as string,
  });
});

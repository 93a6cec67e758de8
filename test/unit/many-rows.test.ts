/** Sets of hundreds of thousands of images: no long list is spread into a call, which throws above about 120,000 arguments. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { startBackend } from '../../src-main/compute/backend.ts';
import { evaluate } from '../../src-main/compute/classify/evaluate.ts';
import { fitHead } from '../../src-main/compute/classify/head.ts';
import { findLabelErrors } from '../../src-main/compute/classify/label-errors.ts';
import { outOfFold } from '../../src-main/compute/classify/out-of-fold.ts';
import { concatenate, range } from '../../src-main/compute/pixels.ts';
import type { RowSet } from '../../src-main/rows/row-set.ts';
import { largestOf, smallestOf } from '../../src-main/contract/numbers.ts';
import { splitSchema } from '../../src-main/contract/schemas.ts';
import { splitDataset } from '../../src-main/workspace/dataset-split.ts';
import { newFolder } from './compute-pictures.ts';
import { sampleOf } from '../fixtures/samples.ts';
import { serveCall } from '../fixtures/serve-call.ts';

const root = resolve(import.meta.dirname, '..', '..');
const rows = 300_000;

/** Lists that are always short, by file and spread expression. */
const short = new Set([
  'src-main/file/output.ts parts.slice(i)',
  'src-main/file/output.ts parts.slice(i + 1)', // parts of one path
  'src-main/jobs/similarity.ts mean', // numbers of one embedding
  'src-main/workspace/commands.ts commands.map(scriptLine)',
  'src-main/workspace/commands.ts (problem ? [problem] : [])',
  'src-main/workspace/journal.ts from.splice(at, 1)', // entries of one step
  'src-main/app.ts (args as Args)',
  'src-main/image/reader.ts this.#lossOf(code, signal)', // arguments of one call
  'src-main/compute/ops/dropout.ts seed',
  'src-main/compute/train/reconstruction.ts key', // the numbers that identify a step
  'src-main/contract/contour.ts crossingOf(field, at, inRow)', // the coordinates of a point
  'src-main/contract/threshold-rules.ts below', // two numbers
  'src-main/jobs/gather-truth.ts firstFew(problems)',
  'src-main/compute/anomaly/auto.ts Array.from((await partOf(model, scorer).score(block, block.positions)).scores)',
  'src-main/compute/anomaly/mutual.ts units',
  'src-main/compute/anomaly/patch-memory.ts pooled(distances, block.positions.length, params.topShare)', // a block of images
  'src-main/compute/anomaly/gaussian.ts weights', // two numbers
  'src-main/jobs/inside-survey.ts images.map(({ sample }) => sample)', // a block of images
  'src-main/command/inspect.ts rows.map((row) => row[column].length)', // layers
  'src-main/compute/inside/spectrum.ts [0, 1, 2].map((c) => Math.hypot(...colours.map((row) => row[c])))', // colours
  'src-main/compute/inside/spectrum.ts colours.map((row) => row[c])',
  'src-main/compute/inside/spectrum.ts seed',
  ...[
    'inner.nodes.map((node) => ({ ...node, x: node.x + dx, y: node.y + dy }))', // layers, and connections between them
    'inner.frames.map((frame) => ({ ...frame, x: frame.x + dx, y: frame.y + dy }))',
    'inner.edges.map((edge) => ({ ...edge, path: moved(edge.path, dx, dy) }))',
    'inner.order',
    'edges',
  ].map((spread) => `src-renderer/lib/network-layout.ts ${spread}`),
  'src-renderer/state/watching.svelte.ts listed.filter(({ flagged }) => flagged)', // a page of arrivals
  'src-main/command/inspect.ts rows.map((row) => row[column].length)', // the layers of a network
  'src-main/jobs/inside-survey.ts images.map(({ sample }) => sample)', // a block of images
  'src-main/compute/inside/spectrum.ts [0, 1, 2].map((c) => Math.hypot(...colours.map((row) => row[c])))',
  'src-main/compute/inside/spectrum.ts colours.map((row) => row[c])', // three colours
  'src-main/compute/inside/spectrum.ts seed',
  'src-renderer/lib/network-layout.ts inner.nodes.map((node) => ({ ...node, x: node.x + dx, y: node.y + dy }))',
  'src-renderer/lib/network-layout.ts inner.frames.map((frame) => ({ ...frame, x: frame.x + dx, y: frame.y + dy }))',
  'src-renderer/lib/network-layout.ts inner.edges.map((edge) => ({ ...edge, path: moved(edge.path, dx, dy) }))',
  'src-renderer/lib/network-layout.ts inner.order',
  'src-renderer/lib/network-layout.ts edges', // the layers of a network
  'src-main/setup/package.mjs tensorflow',
  'src-main/setup/package.mjs kernels',
  "src-main/setup/pieces/renderer.mjs tool.split('/')",
]);

/** Spreads into calls, except of literal lists and of rest parameters, which were already arguments. */
function spreads(file: string, text: string): string[] {
  const found: string[] = [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const isOwnRest = (node: ts.Node, name: string): boolean => {
    for (let at: ts.Node | undefined = node; at; at = at.parent) {
      if (
        ts.isFunctionLike(at) &&
        at.parameters.some(({ dotDotDotToken, name: own }) => dotDotDotToken && own.getText() === name)
      )
        return true;
    }
    return false;
  };
  const visit = (node: ts.Node): void => {
    if (ts.isSpreadElement(node) && (ts.isCallExpression(node.parent) || ts.isNewExpression(node.parent))) {
      const spread = node.expression.getText();
      if (!ts.isArrayLiteralExpression(node.expression) && !isOwnRest(node, spread)) found.push(`${file} ${spread}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

test('no source spreads a list that can be long into a call', () => {
  expect(
    spreads('x.ts', 'f(...[1, 2]); const g = (...own: number[]) => f(...own); Math.max(0, ...many); new Set(...many)'),
  ).toEqual(['x.ts many', 'x.ts many']);
  const files = ['src-main', 'src-renderer'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(folder, file).replaceAll('\\', '/'),
    ),
  );
  const found = files
    .filter((file) => /\.(ts|mjs|svelte)$/.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      if (!file.endsWith('.svelte')) return spreads(file, text);
      const scripts = [...text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(([, script]) => script);
      const expressions = [
        ...text.replace(/<(script|style)[^>]*>[\s\S]*?<\/\1>/g, '').matchAll(/\{([^{}]*\w\([^{}]*\.\.\.[^{}]*)\}/g),
      ].map(([, expression]) => `(${expression})`);
      return [...scripts, ...expressions].flatMap((part) => spreads(file, part));
    });
  expect(found.filter((one) => !short.has(one))).toEqual([]);
});

test('the largest and the smallest of many', () => {
  const values = Float64Array.from({ length: rows }, (_, i) => (i * 7919) % rows);
  expect([largestOf(values), smallestOf(values), largestOf([], 5), smallestOf(new Set([3, 2]))]).toEqual([
    rows - 1,
    0,
    5,
    2,
  ]);
  const both = concatenate(range(0, rows), range(rows, 2 * rows));
  expect([both.length, both[rows - 1], both.at(-1)]).toEqual([2 * rows, rows - 1, 2 * rows - 1]);
});

test(`labels of ${rows.toLocaleString('en')} images are split, predicted out of fold, and their label errors found`, async () => {
  await startBackend();
  const isWrong = (i: number): boolean => i % 101 === 0;
  const truth = Int32Array.from({ length: rows }, (_, i) => i % 2);
  const labels = truth.map((label, i) => (isWrong(i) ? 1 - label : label));
  const codes = Float32Array.from({ length: rows * 2 }, (_, at) =>
    at % 2 ? Math.sin(at) : 2 * truth[at >> 1] - 1 + 0.3 * Math.sin(7 * at),
  );
  const file = join(newFolder(), 'codes.f32');
  writeFileSync(file, codes);
  const set: RowSet = { file, type: 'float32', shape: [2], rows: range(0, rows) };

  const samples = Array.from({ length: rows }, (_, i) => sampleOf(i, `${labels[i]}/${i}.png`));

  const { trainings, division } = splitDataset(samples, [], splitSchema.parse({ folds: 2 }));
  expect(division.classes.reduce((sum, { test }) => sum + test, 0)).toBe(rows);
  const partition = Int32Array.from(samples, ({ id }) => trainings.findIndex((splits) => splits.get(id) === 'test'));

  const predicted = await serveCall(outOfFold, {
    embeddings: set,
    last: 2,
    labels,
    classes: 2,
    partitions: [partition],
    units: range(0, rows),
    judged: new Uint8Array(rows).fill(1),
    seed: 1,
  });
  const { flagged, suggested } = findLabelErrors(predicted, labels, 2);
  const found = flagged.reduce((sum, one, i) => sum + Number(one && isWrong(i) && suggested[i] === truth[i]), 0);
  expect(found).toBeGreaterThan(0.95 * (rows / 101));

  const evaluation = evaluate({ logits: predicted, labels: truth, classes: 2 }, ['0', '1'], 'folds', () => 1, 1);
  expect(evaluation.images).toBe(rows);
  expect(evaluation.accuracy.value).toBeGreaterThan(0.99);
  // A head fitted on training and validation rows together: they are one list.
  const { head } = await fitHead(
    { codes, size: 2, labels, classes: 2, weights: null },
    range(0, 200_000),
    range(200_000, rows),
    { penalty: 0.1 },
    async () => undefined,
  );
  expect(head.kernel[1]).toBeGreaterThan(head.kernel[0]);
}, 60_000);

/**
 * Maps of explanation methods are those of Captum and pytorch-grad-cam (fixtures/explain.safetensors, written by explain.py): for the bundled EfficientNet-Lite0, and for
 * a narrow ResNet and a small vision transformer as runs.
 */
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src-main/compute/backend.ts';
import type { ClassifierHeader } from '../../src-main/compute/classify/fit.ts';
import { explain } from '../../src-main/compute/inside/explain.ts';
import { integrate } from '../../src-main/compute/inside/methods/integrated.ts';
import type { MethodContext } from '../../src-main/compute/inside/methods/method.ts';
import { occlude } from '../../src-main/compute/inside/methods/occlusion.ts';
import { smoothGradients } from '../../src-main/compute/inside/methods/saliency.ts';
import { withQuestion, type Question } from '../../src-main/compute/inside/question.ts';
import type { SubjectRef } from '../../src-main/compute/inside/subject.ts';
import { forgetModels } from '../../src-main/compute/model-store.ts';
import { loadForeign } from '../../src-main/compute/models/foreign.ts';
import { modelOf } from '../../src-main/compute/models/index.ts';
import type { Classifier } from '../../src-main/compute/models/model.ts';
import { Network } from '../../src-main/compute/models/network.ts';
import { modelFile } from '../../src-main/compute/run-files.ts';
import { readTensors, writeTensors } from '../../src-main/compute/tensor-file.ts';
import { drawnAll, numbers, writeForeign } from '../fixtures/foreign-weights.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { newFolder } from './compute-pictures.ts';

interface Case {
  id: string;
  model: string;
  params: Record<string, unknown>;
  sizePx: number;
  mean: number;
  deviation: number;
  /** The class that is explained, its logit, and the logit of the baseline. */
  target: number;
  value: number;
  baseline: number;
  classes: number;
  /** Of the noise of SmoothGrad. */
  sigma: number;
  /** Of occlusion. */
  side: number;
  stride: number;
  tensors: string | null;
}

const stored = readTensors<{ cases: Case[] }>(
  fileURLToPath(new URL('../fixtures/explain.safetensors', import.meta.url)),
)!;
const reference = (name: string): Float32Array => stored.arrays[name];

/** The largest difference that is allowed, as a fraction of the map's largest absolute value. The order of sums in float32 differs. */
const allowed = 1e-4;
/** Of these, other bounds: [largest difference, norm of the difference]. */
const others: Record<string, readonly [number, number]> = {
  // The denominator of its weights has zeros if activations are negative.
  'efficientnet-224/grad-cam++@stage4/block2/add': [1e-3, 1e-3],
  // Some of the millions of ReLU6 that these sums go through lie so near a kink that rounding decides on which side. PyTorch in float64 differs as much from itself.
  'efficientnet-112/integrated-gradients': [1e-2, 3e-3],
  'efficientnet-112/smoothgrad': [1e-2, 3e-3],
  'efficientnet-112/smoothgrad_sq': [1e-2, 3e-3],
};

const subjects = new Map<string, SubjectRef>();

/** A finished run with the weights of this case. */
async function makeRun({ model, params, sizePx, classes: count, tensors, mean, deviation }: Case): Promise<SubjectRef> {
  const runFolder = newFolder();
  const file = path.join(runFolder, 'foreign.safetensors');
  writeForeign(file, drawnAll(tensors!));
  const record = modelOf(model)!;
  const network = new Network<Classifier>(record.build(params, { sizePx, classes: count }), [sizePx, sizePx, 3], 1);
  await loadForeign(network, record, params, file);
  const header: ClassifierHeader = {
    model,
    params: { ...params, sizePx },
    classes: Array.from({ length: count }, (_, i) => `class ${i}`),
    transform: {
      sizePx,
      fit: 'stretch',
      cropPx: sizePx,
      mean: [mean, mean, mean],
      deviation: [deviation, deviation, deviation],
    },
  };
  writeTensors(modelFile(runFolder), { header, ...(await network.tensors()) });
  network.dispose();
  return { kind: 'classifier', runFolder };
}

beforeAll(async () => {
  await startBackend();
  for (const one of stored.header.cases)
    subjects.set(one.id, one.tensors ? await makeRun(one) : { kind: 'weights', id: 'efficientnet-lite0' });
});
afterAll(async () => {
  await forgetModels();
  console.table(differences);
});

const argumentsFor = ({ id, sizePx, target, tensors }: Case, method: string, layer: string | null) => ({
  subject: subjects.get(id)!,
  image: { bytes: Uint8Array.from(reference(`${id}/image`)), height: sizePx, width: sizePx },
  method,
  layer,
  target: { of: 'class' as const, name: `${tensors ? 'class' : 'output'} ${target}` },
  label: null,
  // Theirs keep the background.
  params: { background: 'keep' },
  seed: 1,
});

/** For the table at the end. */
const differences: Record<string, { largest: string; norm: string }> = {};

function expectSame(actual: Float32Array, name: string): void {
  const expected = reference(name);
  expect(actual.length).toBe(expected.length);
  let [difference, largest, squares, all] = [0, 0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const own = Number.isFinite(actual[i]) ? Math.abs(actual[i] - expected[i]) : Infinity;
    difference = Math.max(difference, own);
    largest = Math.max(largest, Math.abs(expected[i]));
    squares += own ** 2;
    all += expected[i] ** 2;
  }
  const found = [difference / largest, Math.sqrt(squares / all)];
  differences[name] = { largest: found[0].toExponential(1), norm: found[1].toExponential(1) };
  expect(largest, `${name} is not empty`).toBeGreaterThan(1e-3);
  const [most, mostNorm] = others[name] ?? [allowed, allowed];
  expect(found[0], name).toBeLessThan(most);
  expect(found[1], name).toBeLessThan(mostNorm);
}

const withContext = <Result>(
  one: Case,
  method: string,
  work: (context: MethodContext, question: Question) => Promise<Result>,
): Promise<Result> =>
  withQuestion(argumentsFor(one, method, null), new AbortController().signal, (question) =>
    work({ ...question, layer: null, onProgress: () => undefined }, question),
  );

describe.each(stored.header.cases.map((one) => [one.id, one] as const))('%s', (id, one) => {
  const names = Object.keys(stored.arrays).flatMap((name) =>
    name.startsWith(`${id}/`) && !name.endsWith('/image') ? [name.slice(id.length + 1)] : [],
  );

  // At this layer, evidence of places other than the class token passes a normalisation alone, which removes any change along the activations: the sum is zero.
  const empty = 'hirescam@block1/narrow/add';

  it.each(names.filter((name) => !/^(smoothgrad|integrated|occlusion)/.test(name) && name !== empty))(
    '%s is that of the other library',
    async (name) => {
      const [method, layer = null] = name.split(/@(.*)/);
      const { map, header } = await serveCall(explain, argumentsFor(one, method, layer));
      expect(header).toMatchObject({ note: null, layer });
      expect(map.length).toBe(header.rows * header.columns);
      expect(Math.abs(header.value - one.value) / Math.abs(one.value)).toBeLessThan(allowed);
      expectSame(map, `${id}/${name}`);
    },
  );

  if (names.includes(empty))
    it('a map whose sums cancel out says so', async () => {
      const [method, layer] = empty.split(/@(.*)/);
      const { header, map } = await serveCall(explain, argumentsFor(one, method, layer));
      expect(Math.max(...map)).toBeLessThan(1e-6);
      expect(header.note).toMatch(/^The map is empty: /);
    });

  if (!names.includes('saliency')) return;

  it('integrated gradients with the same steps are those of Captum, in each colour', async () => {
    const { perColour, values, value } = await withContext(one, 'integrated-gradients', (context) =>
      integrate(context, 50),
    );
    expectSame(perColour, `${id}/integrated-gradients`);
    const total = values.reduce((sum, v) => sum + v, 0);
    const theirs = reference(`${id}/integrated-gradients`).reduce((sum, v) => sum + v, 0);
    expect(Math.abs(total - theirs)).toBeLessThan(1e-4 * Math.abs(value));
  });

  it.each([
    ['smoothgrad', false],
    ['smoothgrad_sq', true],
  ])('%s with the same noise is that of Captum, in each colour', async (name, isSquare) => {
    const copies = 25;
    const size = one.sizePx ** 2 * 3;
    const noise = numbers('noise', copies * size);
    const gradients = await withContext(one, 'smoothgrad', (context) =>
      smoothGradients(
        context,
        copies,
        (copy) =>
          Float32Array.from(
            noise.subarray(copy * size, (copy + 1) * size),
            (u) => (2 * u - 1) * Math.sqrt(3) * one.sigma,
          ),
        isSquare,
      ),
    );
    expectSame(gradients, `${id}/${name}`);
  });

  it('occlusion with the same window is that of Captum', async () => {
    const { values, value } = await withContext(one, 'occlusion', (context) =>
      occlude(context, { side: one.side, stride: one.stride, baseline: [0, 0, 0], combine: 'mean' }),
    );
    expect(Math.abs(value - one.value) / Math.abs(one.value)).toBeLessThan(allowed);
    expectSame(values, `${id}/occlusion`);
  });
});

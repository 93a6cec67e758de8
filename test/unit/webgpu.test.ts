/**
 * WebGPU trains like native TensorFlow: with the same seed and weights the losses are equal within float tolerance. Each backend runs in a
 * separate process, since the two libraries cannot share one.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCompute, type Compute } from '../../src-main/compute/child.ts';
import type { FitResult } from '../../src-main/compute/anomaly/fit.ts';
import { random } from '../../src-main/compute/random.ts';
import { vulkanEnv } from '../fixtures/vulkan.ts';
import { fitArgs, newFolder, packed, picture } from './compute-pictures.ts';

const root = join(import.meta.dirname, '..', '..');
let webgpu: Record<string, string>;
beforeAll(() => void (webgpu = { WINNOW_BACKEND: 'webgpu', ...vulkanEnv() }));

/** Adds noise: in a flat image many positions tie for a maximum, and the backends give the gradient to different ones. */
function grainy(seed: number): Uint8Array {
  const next = random('grain', seed);
  return picture(seed).map((value) => Math.round(0.6 * value + 100 * next()));
}

const pixels = packed(
  Array.from({ length: 4 }, (_, i) => grainy(i)),
  newFolder(),
);
const steps = 5;
const params = {
  epochs: steps,
  minSteps: 1,
  batch: 4,
  depth: 2,
  validation: 0,
  patience: 0,
  noise: 0, // each backend has its own random numbers
  learningRate: 0.001,
};

// Compiling shaders on a software driver takes most of the time, so one process trains all methods.
const onWebgpu = startCompute({ env: () => webgpu });
const onTensorFlow = startCompute({ env: () => ({ WINNOW_BACKEND: 'tensorflow' }) });
afterAll(() => Promise.all([onWebgpu.stop(), onTensorFlow.stop()]));

const train = (compute: Compute, method: string, width: number): Promise<FitResult> =>
  compute.call('fit', fitArgs(method, pixels, newFolder(), { params: { ...params, width } }));

describe('WebGPU', () => {
  // Measured: below 1e-4, and below 2e-3 until step 4 and 1e-2 at step 5. Adam uses mainly the sign of gradients near zero, so their rounding matters; most with batch normalisation over four images.
  it.each([
    ['conv-ae', 4, 1e-4],
    ['mlp-ae', 16, 2e-2],
  ] as const)('trains %s as native TensorFlow does', async (method, width, tolerance) => {
    const [here, there] = await Promise.all([train(onWebgpu, method, width), train(onTensorFlow, method, width)]);
    expect(here.backend.backend, here.backend.warning).toBe('webgpu');
    expect(here.backend.device).not.toBe('');
    expect(there.backend.backend).toBe('tensorflow');
    console.log(
      `${method} on ${here.backend.device}: ${here.history.map(({ loss }, i) => (loss / there.history[i].loss - 1).toExponential(1)).join(' ')}`,
    );
    expect(here.history).toHaveLength(steps);
    here.history.forEach(({ loss }, i) =>
      expect(Math.abs(loss / there.history[i].loss - 1), `step ${i + 1}`).toBeLessThan(tolerance),
    );
    const largest = Math.max(...there.scores.map(Math.abs));
    here.scores.forEach((score, i) => expect(Math.abs(score - there.scores[i]) / largest).toBeLessThan(0.05));
  });

  it('multiplies by transposed matrices, also with a long inner dimension', () => {
    const { stdout, stderr } = device('multiply');
    expect(JSON.parse(stdout || '[]'), stderr).toEqual(Array.from({ length: 32 }, (_, row) => row * 3072));
  });

  it('computes the gradient to a filter by matrix products, equal to tfjs’s loop over windows', () => {
    const { stdout, stderr } = device('filter-gradient');
    const differences = JSON.parse(stdout || '[]') as number[];
    expect(differences, stderr).toHaveLength(6);
    for (const difference of differences) expect(difference).toBeLessThan(1e-5);
  });

  it('reports when a device is out of memory, and continues', () => {
    const { stdout, stderr } = device('ask-too-much');
    const { outOfMemory, after, message, tensors } = JSON.parse(stdout || '{}');
    expect(message, stderr).toMatch(/size/);
    expect({ outOfMemory, after, tensors }).toEqual({ outOfMemory: true, after: [7, 10, 15, 22], tensors: 0 });
  });

  it('fails with a message when the device is lost', () => {
    const { status, stderr } = device('lose');
    expect(stderr).toContain('WebGPU has lost its graphics device');
    expect(status).toBe(1);
  });

  it('fails with a message if there is no driver', async () => {
    const compute = startCompute({
      env: () => ({ WINNOW_BACKEND: 'webgpu', VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' }),
    });
    await expect(compute.call('backend', undefined)).rejects.toThrow(
      /^The backend 'webgpu' was chosen and cannot be used: no graphics adapter was found/,
    );
    await compute.stop();
  });

  it('warns about a software driver', async () => {
    const { device, warning } = await onWebgpu.call('backend', undefined);
    if (/swiftshader|llvmpipe/i.test(device)) expect(warning).toMatch(/software driver/);
    else expect(warning).toBeUndefined();
  });
});

const device = (what: string) =>
  spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(root, 'test', 'fixtures', 'webgpu-device.ts'), what],
    {
      env: { ...process.env, ...webgpu },
      encoding: 'utf8',
      timeout: 60_000,
    },
  );

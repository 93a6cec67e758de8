/** Exported models: each architecture as ONNX in onnxruntime and as a TF.js LayersModel gives the same outputs as the original. */
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend } from '../../src-main/compute/backend.ts';
import { models } from '../../src-main/compute/models/index.ts';
import { cases, compare, variants } from '../fixtures/portable.ts';

beforeAll(async () => void (await startBackend()));

describe('every architecture can be exported', () => {
  it.each(cases)('$name', async ({ id, params }) => {
    const { largest, images, onnx, layers, leaked } = await compare(id, params);
    expect(images).toBeGreaterThan(1e-3 * largest); // the output depends on the image
    for (const [logits, probabilities] of [onnx, layers]) {
      expect(logits).toBeLessThan(2e-4 * Math.max(1, largest));
      expect(probabilities).toBeLessThan(1e-4);
    }
    expect(leaked).toBe(0);
  });

  it('the cases include every architecture', () =>
    expect(Object.keys(variants).sort()).toEqual(models.map(({ id }) => id).sort()));
});

/** The layer of automatic maps: by the architecture, and by the vote of images between late and early layers. */
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { candidateLayers, voteOf } from '../../src-main/compute/inside/choose-layer.ts';
import { explain, voteForLayer } from '../../src-main/compute/inside/explain.ts';
import { layersOf, withSubject } from '../../src-main/compute/inside/subject.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { flat, picture } from './compute-pictures.ts';

beforeAll(async () => void (await startBackend()));

const weights = { kind: 'weights' as const, id: 'efficientnet-lite0' };

it('a map of the right place gets more votes than one of a wrong place, and a sharp one more than a blunt one', async () => {
  const side = 32;
  // The target is the brightness of the square from (4, 4) to (11, 11), which is bright in the image.
  const inSquare = (i: number, from = 4, to = 12): boolean => {
    const [row, column] = [Math.floor(i / side), i % side];
    return row >= from && row < to && column >= from && column < to;
  };
  const x = tf.tensor4d(
    Float32Array.from({ length: side * side * 3 }, (_, i) => (inSquare(Math.floor(i / 3)) ? 1 : 0.1)),
    [1, side, side, 3],
  );
  const objective = (input: Tensor4D): Tensor1D =>
    tf.tidy(() => tf.mean(tf.slice(input, [0, 4, 4, 0], [-1, 8, 8, 3]), [1, 2, 3]));
  const vote = (from: number, to: number): Promise<number> =>
    voteOf(
      {
        values: Float32Array.from({ length: side * side }, (_, i) => Number(inSquare(i, from, to)) + 1e-6 * (i % 7)),
        rows: side,
        columns: side,
        value: 0,
      },
      x,
      objective,
      [0.1, 0.1, 0.1],
    );
  const [right, wrong, blunt] = [await vote(4, 12), await vote(20, 28), await vote(0, 24)];
  expect(right).toBeGreaterThan(wrong + 1);
  expect(right).toBeGreaterThan(blunt);
  x.dispose();
});

it('images vote between the last layer and finer ones, the same each time; their choice makes the map', async () => {
  const images = [1, 2].map((seed) => ({ bytes: picture(seed, seed === 2, 96), height: 96, width: 96 }));
  const names = await withSubject(weights, (subject) =>
    Promise.resolve(candidateLayers(subject, layersOf(subject, [96, 96]), 8).map(({ name }) => name)),
  );
  expect(names.length).toBeGreaterThan(1);
  expect(names[0]).toBe('features');
  const chosen = await serveCall(voteForLayer, { subject: weights, method: 'grad-cam', images });
  expect(names).toContain(chosen);
  const before = tf.memory().numTensors; // with the model, which stays loaded
  expect(await serveCall(voteForLayer, { subject: weights, method: 'grad-cam', images })).toBe(chosen);
  expect(tf.memory().numTensors).toBe(before);
  const question = { subject: weights, method: 'grad-cam', layer: chosen, target: { of: 'auto' as const } };
  const { header } = await serveCall(explain, { ...question, image: images[0], label: null, params: {}, seed: 1 });
  expect(header.layer).toBe(chosen);
});

it('an image of one colour does not spoil the vote', async () => {
  const images = [flat(128, 96), picture(3, false, 96)].map((bytes) => ({ bytes, height: 96, width: 96 }));
  expect(await serveCall(voteForLayer, { subject: weights, method: 'grad-cam', images })).not.toBeNull();
});

/** A network reports the output of each layer and stage to an observer, whatever its architecture. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { modelOf } from '../../src-main/compute/models/index.ts';
import { Network } from '../../src-main/compute/models/network.ts';

beforeAll(async () => void (await startBackend()));

it.each(['cnn', 'mlp', 'resnet', 'efficientnet-lite0', 'vit'])('%s', async (id) => {
  const tensors = tf.memory().numTensors;
  const network = new Network(modelOf(id)!.build({}, { sizePx: 32, classes: 3 }), [32, 32, 3], 1);
  const x = tf.randomUniform([2, 32, 32, 3], 0, 1, 'float32', 7) as Tensor4D;
  const seen: string[] = [];
  const [observed, inferred] = tf.tidy(() => {
    let last: Tensor | undefined;
    network.observe(x, (layer, output) => {
      seen.push(layer);
      last = output;
    });
    return [last!, network.infer(x)];
  });
  expect(new Set(seen).size).toBe(seen.length);
  // In the order of the summary, which counts the pooling inside a normalisation as a separate layer.
  const names = network.layers.map(({ name }) => name);
  const isStage = (name: string) => /^stage\d$/.test(name);
  expect(seen.filter(isStage)).toHaveLength(id === 'efficientnet-lite0' ? 7 : 0);
  expect(names.filter((name) => seen.includes(name))).toEqual(seen.filter((name) => !isStage(name)));
  expect(names.filter((name) => !seen.includes(name) && !name.endsWith('pool'))).toEqual([]);
  expect(observed.shape).toEqual([2, 3]);
  const difference = tf.tidy(() => tf.max(tf.abs(tf.sub(observed, inferred))).dataSync()[0]);
  expect(difference).toBeLessThan(1e-4);
  tf.dispose([observed, inferred, x]);
  network.dispose();
  expect(tf.memory().numTensors).toBe(tensors);
});

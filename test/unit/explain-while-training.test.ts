/** Explanations are answered between the steps of a training, which ends with the same weights as without them. */
import { afterAll, expect, it } from 'vitest';
import { startCompute } from '../../src-main/compute/child.ts';
import type { TrainEvent } from '../../src-main/compute/classify/fit.ts';
import { methods } from '../../src-main/compute/inside/methods/index.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { newFolder, packed, picture, sizePx } from './compute-pictures.ts';

const compute = startCompute();
afterAll(() => compute.stop());

const pictures = Array.from({ length: 24 }, (_, i) => picture(i, i % 2 === 1));
const all = range(0, pictures.length);
const args = (runFolder: string, epochs: number) => ({
  model: 'cnn',
  mode: 'scratch' as const,
  params: { sizePx, width: 8, depth: 2, dense: 8, epochs, minSteps: 4, batch: 8 },
  seed: 3,
  runFolder,
  pixels: packed(pictures, newFolder()),
  labels: all.map((i) => i % 2),
  keys: all,
  classes: ['disc', 'cross'],
  train: all.slice(4),
  val: all.slice(0, 4),
  weights: null,
  resume: false,
});

it('a training is the same whether its neighbours are explained meanwhile or not', async () => {
  const finished = newFolder();
  const alone = await compute.call('train', args(finished, 12));
  const events: TrainEvent[] = [];
  let isTraining = true;
  const training = compute
    .call('train', args(newFolder(), 12), { onEvent: (event) => events.push(event) })
    .finally(() => (isTraining = false));
  const explained: string[] = [];
  let epochsSeen = 0;
  for (let i = 0; isTraining && i < 60; i++) {
    const { id } = methods[i % methods.length];
    const answer = compute.call('explain', {
      subject: { kind: 'classifier', runFolder: finished },
      image: { bytes: picture(i), height: sizePx, width: sizePx },
      method: id,
      layer: null,
      target: { of: 'auto' },
      label: null,
      params: {},
      seed: 1,
    });
    // Methods without a map of this network say why.
    explained.push(
      await answer.then(
        () => id,
        (error: { code: string }) => error.code,
      ),
    );
    if (isTraining) epochsSeen = Math.max(epochsSeen, ...events.map((event) => ('epoch' in event ? event.epoch : 0)));
  }
  const together = await training;
  expect(together.logits).toEqual(alone.logits);
  expect(together.history.map(({ loss }) => loss)).toEqual(alone.history.map(({ loss }) => loss));
  expect(explained).toContain('grad-cam');
  // The training went on between the answers.
  expect(epochsSeen).toBeGreaterThan(0);
}, 120_000);

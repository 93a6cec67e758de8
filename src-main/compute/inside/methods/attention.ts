/** Maps of attention: attention rollout of a transformer (Abnar & Zuidema 2020), and the channel weights of squeeze-and-excitation (Hu et al. 2018). */
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../../backend.ts';
import type { Around } from '../../models/network.ts';
import { attentionWeights } from '../../ops/attention.ts';
import { readBack } from '../../read-back.ts';
import { defineMethod } from './method.ts';

export const attentionRollout = defineMethod({
  id: 'attention-rollout',
  title: 'Attention rollout',
  shows: 'Which patches the transformer reads, multiplied through all of its blocks and averaged over the heads.',
  cannotShow:
    'It does not depend on the target: it is the same map for all classes, and shows what is read, not what it is read for.',
  isSigned: false,
  schema: z.object({}),
  reason: (_subject, layers) =>
    layers.some(({ kind }) => kind === 'attention') ? null : 'This network has no attention between patches.',
  async explain({ x, objective, layers }) {
    const places = layers.find(({ kind }) => kind === 'attention')!.output[0];
    const side = Math.floor(Math.sqrt(places));
    const hasToken = side * side === places - 1;
    const [map, value] = tf.tidy(() => {
      let qkv: Tensor3D | undefined;
      let rollout = tf.eye(places);
      const watch: Around = (layer, run) => {
        const output = run();
        if (layer.name.endsWith('/qkv')) qkv = output as Tensor as Tensor3D;
        if (layer.kind === 'attention') {
          const heads = layer.inner! / places ** 2;
          const mean = tf.reshape(tf.mean(attentionWeights(qkv!, heads), 1), [places, places]) as Tensor2D;
          // Half of a block's output is its input (the shortcut).
          rollout = tf.matMul(tf.add(tf.mul(mean, 0.5), tf.mul(tf.eye(places), 0.5)) as Tensor2D, rollout);
        }
        return output;
      };
      const value = objective(x, watch);
      const read = hasToken ? tf.slice(rollout, [0, 1], [1, side * side]) : tf.mean(rollout, 0);
      return [tf.reshape(read, [side, side]), value];
    });
    return { rows: side, columns: side, values: await readBack(map), value: (await readBack(value))[0] };
  },
});

export const channelWeights = defineMethod({
  id: 'channel-weights',
  title: 'Channel weights',
  shows:
    'Where the channels are active that the chosen squeeze-and-excitation amplifies for this image (negative: that it suppresses).',
  cannotShow: 'It does not depend on the target: an amplified channel can speak for or against a class.',
  isSigned: true,
  wantedPlaces: 0,
  reads: 'scaling',
  schema: z.object({}),
  reason: (_subject, layers) =>
    layers.some(({ kind }) => kind === 'scaling') ? null : 'This network has no squeeze-and-excitation.',
  async explain({ x, objective, layer }) {
    const { name, output } = layer!;
    const [rows, columns] = output;
    const [map, value] = tf.tidy(() => {
      let [scale, scaled]: (Tensor | undefined)[] = [];
      const value = objective(x, ((own, run) => {
        const output = run();
        if (own.name === `${name}/excite`) scale = output;
        if (own.name === name) scaled = output;
        return output;
      }) as Around);
      // The scaled map divided by the factors is the map before.
      const factors = tf.reshape(scale!, [1, 1, 1, -1]) as Tensor4D;
      const before = tf.div(scaled!, tf.maximum(factors, 1e-6));
      return [tf.mean(tf.mul(before, tf.sub(factors, tf.mean(factors))), 3), value];
    });
    return { rows, columns, values: await readBack(map), value: (await readBack(value))[0] };
  },
});

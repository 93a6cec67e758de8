/**
 * The vision transformer (Dosovitskiy et al. 2021): self-attention between the patches of an image, with layer normalisation before the attention and before
 * the MLP of each block (pre-norm). The defaults are small enough to train it from scratch at 64 px; with the published numbers it is ViT-B/16.
 */
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { z } from 'zod';
import { tf } from '../backend.ts';
import { attend } from '../ops/attention.ts';
import { gelu } from '../ops/gelu.ts';
import { layerNormalise } from '../ops/layer-norm.ts';
import { addShortcut, convolutionBlock, dense } from './blocks.ts';
import { classifier, defineModel, dropoutParameter, stochasticDepthParameter, type Convention } from './model.ts';
import type { Scope } from './scope.ts';

const schema = z.object({
  patch: z
    .int()
    .min(2)
    .max(64)
    .default(8)
    .describe('Side of a patch; the image’s side must be a multiple of it. Smaller patches see more and take longer.')
    .meta({ title: 'Patch', unit: 'px', group: 'Model' }),
  width: z
    .int()
    .min(8)
    .max(1280)
    .default(192)
    .describe('Size of the embedding of a patch.')
    .meta({ title: 'Width', group: 'Model' }),
  depth: z
    .int()
    .min(1)
    .max(32)
    .default(6)
    .describe('Transformer blocks: attention and MLP.')
    .meta({ title: 'Depth', group: 'Model' }),
  heads: z
    .int()
    .min(1)
    .max(20)
    .default(3)
    .describe('Attention heads; the width must be a multiple of it.')
    .meta({ title: 'Heads', group: 'Model' }),
  expansion: z
    .number()
    .min(1)
    .max(8)
    .default(4)
    .describe('Hidden size of the MLP, as a multiple of the width.')
    .meta({ title: 'Expansion', group: 'Model', advanced: true, step: 0.5 }),
  pooling: z
    .enum(['token', 'mean'])
    .default('token')
    .describe('Input of the classification layer: a class token, or the mean of the patches.')
    .meta({ title: 'Pooling', group: 'Model', advanced: true }),
  dropout: dropoutParameter(0, 'after the positions and in each block'),
  stochasticDepth: stochasticDepthParameter(0.1),
});

interface Block {
  heads: number;
  hidden: number;
  dropout: number;
  /** Probability that a branch is dropped (stochastic depth). */
  rate: number;
}

/** The epsilon of layer normalisations, as in torchvision and timm. */
const epsilon = 1e-6;

export const vit = defineModel({
  id: 'vit',
  title: 'Vision transformer',
  summary: 'Self-attention between image patches. Needs many images, or pretrained weights.',
  schema,
  usual: { learningRate: 0.001, warmUp: 5 },
  build({ patch, width, depth, heads, expansion, pooling, dropout, stochasticDepth }, { sizePx, classes }) {
    if (sizePx % patch)
      throw new Error(
        `Images of ${sizePx} px cannot be cut into patches of ${patch} px: choose a patch that divides ${sizePx}.`,
      );
    if (width % heads)
      throw new Error(
        `A width of ${width} cannot be shared among ${heads} heads: choose a multiple of ${heads} for the width.`,
      );
    const places = (sizePx / patch) ** 2 + (pooling === 'token' ? 1 : 0);
    return classifier(
      (x, scope) => {
        const n = x.shape[0];
        const patches = convolutionBlock(
          x,
          'patches',
          { filters: width, size: patch, stride: patch, padding: 0, norm: false },
          scope,
        ); // [B, S/P, S/P, D]
        let h = embed(patches, [places, width], scope); // [B, T, D]
        h = scope.dropout('position', h, dropout);
        for (let i = 0; i < depth; i++)
          h = block(
            h,
            `block${i}`,
            { heads, hidden: Math.round(expansion * width), dropout, rate: (stochasticDepth * (i + 1)) / depth },
            scope,
          );
        h = normalised(h, 'norm', scope);
        return (
          pooling === 'mean' ? tf.mean(h, 1) : tf.reshape(tf.slice(h, [0, 0, 0], [n, 1, width]), [n, width])
        ) as Tensor2D; // [B, D]
      },
      { classes },
    );
  },
  foreign: () => [torchvision, timm],
  foreignParameters(tensors) {
    const [patches, wide] =
      [
        ['conv_proj', 'encoder.layers.encoder_layer_0.mlp.0'],
        ['patch_embed.proj', 'blocks.0.mlp.fc1'],
      ]
        .find(([name]) => tensors.has(`${name}.weight`))
        ?.map((name) => tensors.get(`${name}.weight`)?.shape) ?? [];
    if (!patches || !wide) return {};
    const [width, , patch] = patches;
    const depth = [...tensors.keys()].filter((name) =>
      /^(encoder\.layers\.encoder_layer_\d+\.ln_1|blocks\.\d+\.norm1)\.weight$/.test(name),
    ).length;
    const heads = { 192: 3, 384: 6, 768: 12, 1024: 16 }[width]; // the weights do not show it: the published numbers
    return {
      patch,
      width,
      depth,
      expansion: wide[0] / width,
      pooling: tensors.has('class_token') || tensors.has('cls_token') ? 'token' : 'mean',
      ...(heads && { heads }),
    };
  },
});

/** Patches [B, H, W, D] → tokens [B, T, D]: flattened, with a class token in front if T is one more than the patches, plus the position embeddings. */
function embed(patches: Tensor4D, [places, width]: [number, number], scope: Scope): Tensor3D {
  const [n, height, across] = patches.shape;
  const token = places > height * across ? (scope.weight('token', [1, 1, width], 0) as Tensor3D) : undefined;
  const position = scope.weight('position', [1, places, width], { deviation: 0.02 });
  return scope.layer({ name: 'position', kind: 'embedding', output: [places, width], macs: 0 }, () => {
    const row = tf.reshape(patches, [n, height * across, width]) as Tensor3D;
    if (!token) return tf.add(row, position) as Tensor3D;
    return tf.add(
      tf.pad(row, [
        [0, 0],
        [1, 0],
        [0, 0],
      ]),
      tf.add(
        tf.pad(token, [
          [0, 0],
          [0, places - 1],
          [0, 0],
        ]),
        position,
      ),
    ) as Tensor3D;
  });
}

function normalised(x: Tensor3D, name: string, scope: Scope): Tensor3D {
  const [, places, width] = x.shape;
  const [gamma, beta] = [
    scope.weight(`${name}/gamma`, [width], 1),
    scope.weight(`${name}/beta`, [width], 0),
  ] as Tensor1D[];
  return scope.layer({ name, kind: 'layer normalisation', output: [places, width], macs: 0 }, () =>
    layerNormalise(x, gamma, beta, epsilon),
  );
}

function block(x: Tensor3D, name: string, { heads, hidden, dropout, rate }: Block, scope: Scope): Tensor3D {
  const [, places, width] = x.shape;
  const qkv = dense(normalised(x, `${name}/before`, scope), 3 * width, `${name}/qkv`, scope); // [B, T, 3·D]
  const attended = scope.layer(
    {
      name: `${name}/attention`,
      kind: 'attention',
      output: [places, width],
      macs: 2 * places ** 2 * width,
      inner: heads * places ** 2,
    },
    () => attend(qkv, heads),
  );
  const projected = scope.dropout(`${name}/project`, dense(attended, width, `${name}/project`, scope), dropout);
  const h = addShortcut(projected, x, `${name}/project`, { rate }, scope);
  const inner = scope.dropout(
    `${name}/wide`,
    gelu(dense(normalised(h, `${name}/between`, scope), hidden, `${name}/wide`, scope)),
    dropout,
  );
  const output = scope.dropout(`${name}/narrow`, dense(inner, width, `${name}/narrow`, scope), dropout);
  return addShortcut(output, h, `${name}/narrow`, { rate }, scope);
}

const inBlock = (layer: string, before: string, names: Record<string, string>): string => {
  const [, index, part] = /^block(\d+)\/(\w+)$/.exec(layer)!;
  return `${before}${index}.${names[part]}`;
};

const outerTorchvision: Record<string, string> = {
  token: 'class_token',
  position: 'encoder.pos_embedding',
  patches: 'conv_proj.',
  norm: 'encoder.ln.',
  head: 'heads.head.',
};
const torchvision: Convention = {
  id: 'torchvision',
  prefix: (layer) =>
    outerTorchvision[layer] ??
    inBlock(layer, 'encoder.layers.encoder_layer_', {
      before: 'ln_1.',
      qkv: 'self_attention.in_proj_',
      project: 'self_attention.out_proj.',
      between: 'ln_2.',
      wide: 'mlp.0.',
      narrow: 'mlp.3.',
    }),
};

const outerTimm: Record<string, string> = {
  token: 'cls_token',
  position: 'pos_embed',
  patches: 'patch_embed.proj.',
  norm: 'norm.',
  head: 'head.',
};
const timm: Convention = {
  id: 'timm',
  prefix: (layer) =>
    outerTimm[layer] ??
    inBlock(layer, 'blocks.', {
      before: 'norm1.',
      qkv: 'attn.qkv.',
      project: 'attn.proj.',
      between: 'norm2.',
      wide: 'mlp.fc1.',
      narrow: 'mlp.fc2.',
    }),
};

/**
 * The networks that can be looked into, behind one interface: classifiers of any mode, autoencoders, detectors that score features of the bundled weights, and
 * the bundled weights themselves. The input `x` of a subject is what its network takes; its baseline is the colour that carries no information.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Subject, Target } from '../../contract/inside.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { withSaved } from '../anomaly/saved.ts';
import type { PortableBlock, PortableOutputs } from '../anomaly/scorer.ts';
import { withClassifier } from '../classify/predict.ts';
import { normalised } from '../classify/transform.ts';
import { withPretrained, type Loaded } from '../embed/features.ts';
import { withModel } from '../model-store.ts';
import { declare } from '../models/declare.ts';
import { loadForeign } from '../models/foreign.ts';
import { modelOf, type Classifier } from '../models/index.ts';
import { Network, type Around } from '../models/network.ts';
import { checkedFile, pretrainedOf, usual, type Pretrained } from '../models/pretrained.ts';
import type { Layer, Scope } from '../models/scope.ts';
import { recording } from '../ops/traced.ts';
import { uploadPixels } from '../ops/upload.ts';

/** Names a subject for the compute process. */
export type SubjectRef =
  { kind: 'classifier'; runFolder: string } | { kind: 'ranking'; runFolder: string } | { kind: 'weights'; id: string };

/** An image for a subject: bytes [height, width, 3]. */
export interface SubjectImage {
  bytes: Uint8Array;
  height: number;
  width: number;
}

/** What a map explains, with classes as indices. */
export type Goal =
  | { of: 'class'; index: number }
  | { of: 'difference'; index: number; minus: number }
  | { of: 'loss'; index: number }
  | { of: 'error' }
  | { of: 'score' };

/** One value per image, [B]. `around`: see `Network.probe`. */
export type Objective = (x: Tensor4D, around?: Around) => Tensor1D;

export interface OpenSubject {
  kind: Subject['kind'];
  classes: readonly string[];
  /** The network whose layers are shown. */
  network: Network;
  /** Runs the part of the network that is used. */
  part: (x: Tensor4D, scope: Scope) => Tensor;
  /** Of the input that layers are described for: [height, width]. */
  inputSides: readonly [number, number];
  /** Per channel, in the units of `x`. */
  baseline: readonly [number, number, number];
  targets: readonly Target['of'][];
  /** The layer whose output is the code of an autoencoder. */
  code: string | null;
  /** Images of one size → x, [B, height, width, 3]. */
  input(images: readonly SubjectImage[]): Tensor4D;
  /** Colours [B, height, width, 3], 0..1, → x; differentiable. */
  fromColours(colours: Tensor4D): Tensor4D;
  /** Runs the layers that are shown, all of them, and only these. */
  look(x: Tensor4D, around: Around): Tensor;
  /** Logits [B, classes], or a reconstruction like x, or scores [B]. */
  run(x: Tensor4D, around?: Around): Tensor;
  /** Throws BadParameters if the subject has no such goal. */
  objective(goal: Goal): Objective;
  /** Another network of the same architecture with these values in place of its own, for the sanity check. Only if the network is the whole subject. */
  withNetwork?(network: Network): OpenSubject;
}

const plain: Around = (_layer, run) => run();
const noSuch = (what: string): never => {
  throw new BadParameters(what);
};

function stacked(images: readonly SubjectImage[]): Tensor4D {
  const [{ height, width }] = images;
  const size = height * width * 3;
  const bytes = new Uint8Array(images.length * size);
  images.forEach((image, i) => bytes.set(image.bytes, i * size));
  return uploadPixels(bytes, images.length, height, width); // 0..1
}

interface ClassifierParts {
  kind: 'classifier' | 'weights';
  network: Network;
  classes: readonly string[];
  cropPx: number;
  transform: { mean: readonly number[]; deviation: readonly number[] };
}

function classifierSubject({ kind, network, classes, cropPx, transform }: ClassifierParts): OpenSubject {
  const logits = (x: Tensor4D, around: Around = plain): Tensor2D => network.probe(x, around) as Tensor2D;
  const column = (y: Tensor2D, index: number): Tensor1D =>
    tf.reshape(tf.slice(y, [0, index], [y.shape[0], 1]), [y.shape[0]]);
  return {
    kind,
    classes,
    network,
    part: network.architecture.forward,
    inputSides: [cropPx, cropPx],
    baseline: [0, 0, 0], // the mean colour of training
    targets: kind === 'weights' ? ['auto', 'class', 'difference'] : ['auto', 'class', 'difference', 'loss'],
    code: null,
    input: (images) => tf.tidy(() => normalised(stacked(images), transform as never)),
    fromColours: (colours) => normalised(colours, transform as never),
    look: logits,
    run: logits,
    objective(goal) {
      switch (goal.of) {
        case 'class':
          return (x, around) => column(logits(x, around), goal.index);
        case 'difference':
          return (x, around) => {
            const y = logits(x, around);
            return tf.sub(column(y, goal.index), column(y, goal.minus));
          };
        case 'loss':
          return (x, around) => tf.neg(column(tf.logSoftmax(logits(x, around)), goal.index));
        default:
          return noSuch('A classifier has classes and a loss, but no reconstruction and no anomaly score.');
      }
    },
    withNetwork: (other) => classifierSubject({ kind, network: other, classes, cropPx, transform }),
  };
}

/** The mean squared error of each image. */
const meanError = (x: Tensor4D, y: Tensor4D): Tensor1D => tf.mean(tf.squaredDifference(x, y), [1, 2, 3]);

function autoencoderSubject(network: Network, side: number, score: (x: Tensor4D) => Tensor1D): OpenSubject {
  const run = (x: Tensor4D, around: Around = plain): Tensor4D => network.probe(x, around) as Tensor4D;
  const names = network.layers.map(({ name }) => name);
  return {
    kind: 'autoencoder',
    classes: [],
    network,
    part: network.architecture.forward,
    inputSides: [side, side],
    baseline: [0.5, 0.5, 0.5],
    targets: ['auto', 'error', 'score'],
    code: names.includes('code') ? 'code' : (names.filter((name) => /^encode\d+(\/pool)?$/.test(name)).at(-1) ?? null),
    input: stacked,
    fromColours: (colours) => colours,
    look: run,
    run,
    objective(goal) {
      if (goal.of === 'error') return (x, around) => meanError(x, run(x, around));
      if (goal.of === 'score')
        return (x, around) => {
          // The score reads the network's reconstruction, and the errors of other paths. Layers can only be looked into in the network.
          if (around)
            noSuch('The anomaly score is not computed from this layer alone. Choose the reconstruction error.');
          return composed(() => score(x));
        };
      return noSuch('An autoencoder has a reconstruction error and an anomaly score, but no classes.');
    },
    withNetwork: (other) => autoencoderSubject(other, side, score),
  };
}

/** Runs work with the operations that have gradients, in place of our kernels for scores. */
const composed = <T extends Tensor>(work: () => T): T => recording((_op, _inputs, _attributes, run) => run(), work);

type Part = (x: Tensor4D, scope: Scope) => Tensor;
const partsUntilPatches = new WeakMap<Classifier, Part>();

/** The features up to the last stage that patches are made of: later layers are not run. One function per architecture, since layers are cached by it. */
function untilPatches(architecture: Classifier, { patches }: Pretrained): Part {
  let part = partsUntilPatches.get(architecture);
  if (!part) {
    const last = patches.at(-1)!.stage;
    part = (x, scope) => architecture.features(x, { ...scope, stage: (name) => name === last });
    partsUntilPatches.set(architecture, part);
  }
  return part;
}

function detectorSubject(
  { network, source }: Loaded,
  inputs: 'embeddings' | 'patches' | 'features',
  portable: (block: PortableBlock[typeof inputs]) => PortableOutputs,
): OpenSubject {
  const features = (x: Tensor4D, around: Around): Tensor2D =>
    network.probe(normalised(x, source), around, (input, scope) => network.architecture.features(input, scope));
  const patches = (x: Tensor4D, around: Around): PortableBlock['patches'] => {
    const last = source.patches.at(-1)!.stage;
    const maps: Tensor4D[] = [];
    network.probe(normalised(x, source), around, (input, scope) =>
      network.architecture.features(input, {
        ...scope,
        stage(name, map) {
          if (source.patches.some(({ stage }) => stage === name)) maps.push(map);
          return name === last;
        },
      }),
    );
    return { maps, grid: { rows: maps[0].shape[1], columns: maps[0].shape[2] } };
  };
  const run = (x: Tensor4D, around: Around = plain): Tensor1D => {
    const side = source.sizePx;
    const block =
      inputs === 'embeddings'
        ? features(x, around)
        : inputs === 'patches'
          ? patches(x, around)
          : {
              ...patches(x, around),
              codes: features(tf.image.resizeBilinear(x, [side, side], false, true), plain),
            };
    return composed(() => portable(block).score);
  };
  const isSquare = inputs === 'embeddings';
  const part: Part = isSquare ? network.architecture.features : untilPatches(network.architecture, source);
  return {
    kind: 'detector',
    classes: [],
    network,
    part,
    inputSides: isSquare ? [source.sizePx, source.sizePx] : [448, 448],
    baseline: source.mean,
    targets: ['auto', 'score'],
    code: null,
    input: stacked,
    fromColours: (colours) => colours,
    look: (x, around) => network.probe(normalised(x, source), around, part),
    run,
    objective: (goal) => (goal.of === 'score' ? run : noSuch('A ranking has an anomaly score, but no classes.')),
  };
}

/** Calls `work` with the subject. Models are cached and shared. Throws BadParameters if the run cannot be looked into. */
export function withSubject<Result>(ref: SubjectRef, work: (subject: OpenSubject) => Promise<Result>): Promise<Result> {
  switch (ref.kind) {
    case 'classifier':
      return withClassifier(ref.runFolder, ({ network, header: { classes, transform } }) =>
        work(
          classifierSubject({
            kind: 'classifier',
            network: network as unknown as Network,
            classes,
            cropPx: transform.cropPx,
            transform,
          }),
        ),
      );
    case 'weights':
      return withModel(
        `${pretrainedOf(ref.id)?.file}#classes`,
        () => openWeights(ref.id),
        ({ subject }) => work(subject),
      );
    case 'ranking':
      return withSaved(ref.runFolder, async ({ scorer, params, model }) => {
        const { inputs } = scorer;
        const { network } = model;
        if (network)
          return work(
            autoencoderSubject(network as unknown as Network, scorer.sizePx(params)!, (x) => model.portable(x).score),
          );
        if (inputs === 'pixels') return work(pixelSubject(scorer.sizePx(params)!, (x) => model.portable(x).score));
        return withPretrained(usual.id, (loaded) =>
          work(detectorSubject(loaded, inputs, (block) => model.portable(block as never))),
        );
      });
  }
}

/** A ranking of pixels without a network, such as PCA: it has a score and no layers. */
function pixelSubject(side: number, score: (x: Tensor4D) => Tensor1D): OpenSubject {
  noLayers ??= new Network({ forward: (x) => x }, [1, 1, 3], 0);
  const run = (x: Tensor4D): Tensor1D => composed(() => score(x));
  return {
    kind: 'detector',
    classes: [],
    network: noLayers,
    part: (x) => x,
    inputSides: [side, side],
    baseline: [0.5, 0.5, 0.5],
    targets: ['auto', 'score'],
    code: null,
    input: stacked,
    fromColours: (colours) => colours,
    look: (x) => x,
    run,
    objective: (goal) => (goal.of === 'score' ? run : noSuch('A ranking has an anomaly score, but no classes.')),
  };
}
let noLayers: Network | undefined;

async function openWeights(id: string): Promise<{ bytes: number; subject: OpenSubject; dispose(): void }> {
  const source = pretrainedOf(id);
  if (!source) throw new BadParameters(`There are no bundled weights ‘${id}’.`);
  const record = modelOf(source.model)!;
  const { sizePx } = source;
  const params = { ...source.params, levels: false };
  const network = new Network(record.build(params, { sizePx, classes: outputsOfImageNet }), [sizePx, sizePx, 3], null);
  try {
    await loadForeign(network, record, params, checkedFile(source), { head: 'load' });
  } catch (error) {
    network.dispose();
    throw error;
  }
  const subject = classifierSubject({
    kind: 'weights',
    network: network as unknown as Network,
    // The file has no names of classes.
    classes: Array.from({ length: outputsOfImageNet }, (_, i) => `output ${i}`),
    cropPx: sizePx,
    transform: source,
  });
  return { bytes: network.bytes, subject, dispose: () => network.dispose() };
}
const outputsOfImageNet = 1000;

/** By the part of the network that is used. */
const layersBySize = new WeakMap<OpenSubject['part'], Map<string, Layer[]>>();

/** The layers of the network in the order of computation, for inputs of these sides. A normalisation is a part of the layer before it, as in `probe`. */
export function layersOf({ part, inputSides }: OpenSubject, [height, width]: readonly number[] = inputSides): Layer[] {
  let bySize = layersBySize.get(part);
  if (!bySize) layersBySize.set(part, (bySize = new Map()));
  const key = `${height} ${width}`;
  let layers = bySize.get(key);
  if (!layers) {
    layers = declare(part, [height, width, 3]).layers.filter(({ kind }) => kind !== 'batch normalisation');
    bySize.set(key, layers);
  }
  return layers;
}

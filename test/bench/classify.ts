/**
 * Ablation study: `cnn` and `resnet` from scratch on the folders' classes, with and without batch normalisation, augmentation, dropout,
 * squeeze-and-excitation, global average pooling. Each variant is trained with several seeds (split, initial weights, order). Prints the accuracy on the
 * test split, mean over seeds with a 95 % Student's t interval, and the paired difference to the variant without the part.
 *
 *     npm run bench -- classify [--study parts|architectures] [--sets sign-digits,clothing-10] [--seeds 5] [--epochs 40] [--size 64] [--only NAME,…]
 *
 * The study `architectures` trains every architecture with its defaults.
 *
 * Results are stored in dist/bench and not computed twice: an interrupted benchmark resumes.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { classifiers } from '../../src-main/compute/classify/index.ts';
import { follow } from '../../src-main/command/output.ts';
import { trainSchema } from '../../src-main/contract/schemas.ts';
import { openClient, type Client } from '../../src-main/door/client.ts';
import { sharedSet, temporaryFolder } from '../fixtures/images.ts';

const { values: options } = parseArgs({
  options: {
    study: { type: 'string', default: 'parts' },
    sets: { type: 'string', default: 'sign-digits,clothing-10' },
    seeds: { type: 'string', default: '5' },
    epochs: { type: 'string', default: '40' },
    size: { type: 'string', default: '64' },
    only: { type: 'string' },
  },
});

interface Variant {
  name: string;
  model: string;
  parameters: Record<string, unknown>;
  /** The variant that lacks the one part that this one has. */ than?: string;
}

const plain = { policy: 'none' };
const augmented = { policy: 'custom' };
const rand = { policy: 'randaugment' };
const parts: Variant[] = [
  { name: 'cnn, bare', model: 'cnn', parameters: { ...plain, batchNorm: false, dropout: 0 } },
  { name: 'cnn + BatchNorm', model: 'cnn', parameters: { ...plain, dropout: 0 }, than: 'cnn, bare' },
  { name: 'cnn + BatchNorm + dropout', model: 'cnn', parameters: { ...plain, dropout: 0.2 }, than: 'cnn + BatchNorm' },
  {
    name: 'cnn + BatchNorm + augmentation',
    model: 'cnn',
    parameters: { ...augmented, dropout: 0 },
    than: 'cnn + BatchNorm',
  },
  { name: 'cnn + BatchNorm + RandAugment', model: 'cnn', parameters: { ...rand, dropout: 0 }, than: 'cnn + BatchNorm' },
  {
    name: 'cnn + BatchNorm + augmentation + SE',
    model: 'cnn',
    parameters: { ...augmented, dropout: 0, attention: 'se' },
    than: 'cnn + BatchNorm + augmentation',
  },
  {
    name: 'cnn + BatchNorm + augmentation, flattened instead of global pooling',
    model: 'cnn',
    parameters: { ...augmented, dropout: 0, pooling: 'flatten' },
    than: 'cnn + BatchNorm + augmentation',
  },
  { name: 'resnet, bare', model: 'resnet', parameters: { ...plain, width: 8, batchNorm: false, dropout: 0 } },
  { name: 'resnet + BatchNorm', model: 'resnet', parameters: { ...plain, width: 8, dropout: 0 }, than: 'resnet, bare' },
  {
    name: 'resnet + BatchNorm + dropout',
    model: 'resnet',
    parameters: { ...plain, width: 8, dropout: 0.2 },
    than: 'resnet + BatchNorm',
  },
  {
    name: 'resnet + BatchNorm + augmentation',
    model: 'resnet',
    parameters: { ...augmented, width: 8, dropout: 0 },
    than: 'resnet + BatchNorm',
  },
  {
    name: 'resnet + BatchNorm + RandAugment',
    model: 'resnet',
    parameters: { ...rand, width: 8, dropout: 0 },
    than: 'resnet + BatchNorm',
  },
  {
    name: 'se-resnet + BatchNorm + RandAugment',
    model: 'se-resnet',
    parameters: { ...rand, width: 8, dropout: 0 },
    than: 'resnet + BatchNorm + RandAugment',
  },
];

const variants =
  options.study === 'parts' ? parts : classifiers.map(({ id }): Variant => ({ name: id, model: id, parameters: {} }));

interface Result {
  accuracy: number;
  low: number;
  high: number;
  images: number;
  seconds: number;
  imagesPerSecond: number;
}

const file = path.join('dist', 'bench', `classify-${options.sets}.json`);
fs.mkdirSync(path.dirname(file), { recursive: true });
const kept: Record<string, Result> = fs.existsSync(file)
  ? (JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, Result>)
  : {};

async function once(door: Client, set: string, { name, model, parameters }: Variant, seed: number): Promise<Result> {
  const key = `${set}${options.size === '64' ? '' : `, ${options.size} px`} | ${name} | ${options.epochs} epochs | seed ${seed}`;
  if (kept[key]) return kept[key];
  const request = trainSchema.parse({
    model,
    seed,
    division: { seed },
    parameters: { epochs: Number(options.epochs), sizePx: Number(options.size), ...parameters },
  });
  const job = await follow(door, { quiet: true }, () => door.calls.classifier.train.mutate(request));
  const { classification, seconds, imagesPerSecond } = await door.calls.runs.get.query({ id: job.runId as string });
  const { accuracy, images } = classification!.evaluation!;
  kept[key] = {
    accuracy: accuracy.value,
    low: accuracy.low,
    high: accuracy.high,
    images,
    seconds: seconds!,
    imagesPerSecond: imagesPerSecond!,
  };
  fs.writeFileSync(file, JSON.stringify(kept, null, 1));
  console.error(`${key}: ${accuracy.value.toFixed(3)} of ${images} in ${seconds!.toFixed(0)} s`);
  return kept[key];
}

/** Student's t for a two-sided 95 % interval, by degrees of freedom from 1. */
const student = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
function interval(values: number[]): { mean: number; half: number } {
  const mean = values.reduce((a, b) => a + b) / values.length;
  const spread = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / Math.max(1, values.length - 1));
  return { mean, half: (student[values.length - 2] ?? 1.96) * (spread / Math.sqrt(values.length)) };
}

const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1);
const wanted = options.only?.split(',').map((name) => name.trim());
for (const set of options.sets.split(',')) {
  const door = await openClient(sharedSet(set), temporaryFolder('classify'));
  const accuracies = new Map<string, number[]>();
  console.log(
    `\n${set}, ${options.size} px, ${options.epochs} epochs, ${seeds.length} seeds\n\n| variant | accuracy | least–most | brings | seconds |\n|---|---|---|---|---|`,
  );
  for (const variant of variants.filter(({ name }) => !wanted || wanted.includes(name))) {
    const results: Result[] = [];
    for (const seed of seeds) results.push(await once(door, set, variant, seed));
    const own = results.map(({ accuracy }) => accuracy);
    accuracies.set(variant.name, own);
    const before = variant.than && accuracies.get(variant.than);
    const brings = before ? interval(own.map((value, i) => value - before[i])) : null;
    const { mean, half } = interval(own);
    const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`;
    console.log(
      `| ${variant.name} | ${mean.toFixed(3)} ± ${half.toFixed(3)} | ${Math.min(...own).toFixed(3)}–${Math.max(...own).toFixed(3)} | ${brings ? `${signed(brings.mean)} ± ${brings.half.toFixed(3)}` : ''} | ${Math.round(results.reduce((sum, { seconds }) => sum + seconds, 0) / results.length)} |`,
    );
  }
  await door.close();
}

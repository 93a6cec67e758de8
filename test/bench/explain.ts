/**
 * Milliseconds from a click on an image to its map, and of slower methods, for the bundled EfficientNet-Lite0 at 224 px, compared with pytorch-grad-cam and Captum with the
 * same weights on the same cores, interleaved in one run. Prints the median of each, and the median of the ratios of the rounds with their range.
 *
 *   WINNOW_BENCH_PYTHON=python npm run bench -- explain [--rounds 5] [--only click,grad-cam]     (torch, timm, captum, grad-cam, pillow, safetensors)
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { explain } from '../../src-main/compute/inside/explain.ts';
import { integrate } from '../../src-main/compute/inside/methods/integrated.ts';
import { withQuestion, type ExplainArgs, type Question } from '../../src-main/compute/inside/question.ts';
import type { SubjectImage } from '../../src-main/compute/inside/subject.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { makeRow } from '../../src-main/image/pixels.ts';
import { sharedSet, temporaryFolder } from '../fixtures/images.ts';
import { serveCall } from '../fixtures/serve-call.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' } },
});
const side = 224;
const set = sharedSet('photos-large');
const first = fs
  .readdirSync(set, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.jpe?g$/i.test(name))
  .sort()[0];
const file = path.join(temporaryFolder('bench'), 'photo.jpg');
await sharp(path.join(set, first)).resize(1000, 1000, { fit: 'inside' }).jpeg({ quality: 90 }).toFile(file);

await startBackend();
async function read(): Promise<SubjectImage> {
  const bytes = await makeRow(await openImage(await fs.promises.readFile(file), file), side, 'stretch');
  return { bytes, height: side, width: side };
}
const image = await read();
const argumentsFor = (method: string, from: SubjectImage, params = {}, layer: string | null = null): ExplainArgs => ({
  subject: { kind: 'weights', id: 'efficientnet-lite0' },
  image: from,
  method,
  layer,
  target: { of: 'auto' },
  label: null,
  params,
  seed: 1,
});
const map = async (method: string, params = {}, layer: string | null = null, from = image): Promise<void> =>
  void (await serveCall(explain, argumentsFor(method, from, params, layer)));
const asked = (work: (question: Question) => Promise<unknown>): Promise<unknown> =>
  withQuestion(argumentsFor('saliency', image), new AbortController().signal, work);

/** `times`: per round. The layer is the one of the peer, the last with places. */
const works: Record<string, { times: number; run: () => Promise<unknown> }> = {
  click: { times: 10, run: async () => map('grad-cam', {}, 'features', await read()) },
  'grad-cam': { times: 10, run: () => map('grad-cam', {}, 'features') },
  features: {
    times: 10,
    run: () =>
      asked(async ({ subject, x }) =>
        tf.tidy(() => {
          const kept: unknown[] = [];
          const y = subject.run(x, (_layer, run) => {
            const output = run();
            kept.push(output);
            return output;
          });
          return y.dataSync();
        }),
      ),
  },
  saliency: { times: 5, run: () => map('saliency') },
  'integrated-gradients': {
    times: 1,
    run: () => asked((question) => integrate({ ...question, layer: null, onProgress: () => undefined }, 50)),
  },
  smoothgrad: { times: 1, run: () => map('smoothgrad', { samples: 25, square: true }) },
  occlusion: { times: 1, run: () => map('occlusion', { window: 1 / 8, overlap: 2 }) },
};

type Peer = (line: string) => Promise<string>;
function startPeer(python: string): { ask: Peer; stop(): void; hello: Promise<string> } {
  const child = spawn(python, [path.join(import.meta.dirname, 'explain-peer.py'), file], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = readline.createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  // Libraries may print before it.
  const hello = async (): Promise<string> => {
    const line = await next();
    return line.startsWith('PyTorch') ? line : hello();
  };
  return {
    hello: hello(),
    ask(line) {
      child.stdin.write(`${line}\n`);
      return next();
    },
    stop: () => void child.kill(),
  };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const python = process.env.WINNOW_BENCH_PYTHON;
if (!python)
  console.log(
    'WINNOW_BENCH_PYTHON is not set: name a Python with torch, timm, captum and grad-cam to compare with it.',
  );
const peer = python ? startPeer(python) : null;
if (peer) console.log(await peer.hello);

const wanted = options.only?.split(',') ?? Object.keys(works);
console.log('| work | Winnow, ms | PyTorch, ms | PyTorch / Winnow |\n|---|---|---|---|');
for (const work of wanted) {
  const { times, run } = works[work];
  await run(); // warm up
  if (peer) await peer.ask(`${work} 1`);
  const [ours, theirs, ratios]: number[][] = [[], [], []];
  for (let round = 0; round < Number(options.rounds); round++) {
    const own: number[] = [];
    for (let i = 0; i < times; i++) {
      const began = performance.now();
      await run();
      own.push(performance.now() - began);
    }
    ours.push(median(own));
    if (!peer) continue;
    const layouts: number[] = [];
    for (const layout of ['contiguous_format', 'channels_last']) {
      await peer.ask(`layout ${layout}`);
      layouts.push(median((await peer.ask(`${work} ${Math.ceil(times / 2)}`)).split(' ').map(Number)));
    }
    theirs.push(Math.min(...layouts));
    ratios.push(theirs.at(-1)! / ours.at(-1)!);
  }
  const ratio = peer
    ? `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`
    : '';
  console.log(`| ${work} | ${median(ours).toFixed(0)} | ${peer ? median(theirs).toFixed(0) : ''} | ${ratio} |`);
}
peer?.stop();

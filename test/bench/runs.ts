/**
 * The cost of many runs: a workspace of 2,000 images with 10 and with 1,000 runs, each with 60 epochs, an evaluation of ten classes and seven columns.
 * Measures opening the workspace, the list of runs, the list of columns, a decision with the page's requests after it, and one run; each as the page
 * gets it, with responses as JSON. The median of several repetitions, after a first one that is not counted. Run it as
 *
 *   npm run bench -- runs [--images 2000] [--runs 10,1000]
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startCompute } from '../../src-main/compute/child.ts';
import { OpenWorkspace } from '../../src-main/engine/open-workspace.ts';
import { madeRun, putImages, putRun } from '../fixtures/many-runs.ts';
import { temporaryFolder } from '../fixtures/images.ts';

const { values: options } = parseArgs({
  options: { images: { type: 'string', default: '2000' }, runs: { type: 'string', default: '10,1000' } },
});
const images = Number(options.images);
const compute = startCompute();
const measured: Record<string, number>[] = [];
const counts = options.runs.split(',').map(Number);
for (const runs of counts) measured.push(await measure(runs));
await compute.stop();

console.log(`| ms, ${images} images | ${counts.map((n) => `${n} runs`).join(' | ')} | ratio |`);
console.log(`|---|${counts.map(() => '---|').join('')}---|`);
for (const name of Object.keys(measured[0])) {
  const all = measured.map((one) => one[name]);
  const ratio = (all.at(-1) as number) / all[0];
  console.log(`| ${name} | ${all.map((ms) => ms.toFixed(1)).join(' | ')} | ${ratio.toFixed(1)} |`);
}

async function measure(runs: number): Promise<Record<string, number>> {
  const [folder, at] = [temporaryFolder('bench-runs'), temporaryFolder('bench-workspace')];
  const made = new OpenWorkspace('0', folder, at, compute);
  fill(made, runs);
  await made.close();
  let workspace: OpenWorkspace | null = null;
  const open = await median(3, async () => {
    await workspace?.close();
    return () => {
      workspace = new OpenWorkspace('0', folder, at, compute);
      asJson(workspace.calls.workspace.describe());
    };
  });
  const { calls } = workspace as unknown as OpenWorkspace;
  const first = performance.now();
  page();
  const page1 = performance.now() - first;
  let decision = 0;
  const result = {
    'open the workspace': open,
    'what the page asks for at first': page1,
    'list of runs': await median(9, () => () => asJson(calls.runs.list())),
    'list of columns': await median(9, () => () => asJson(calls.samples.columns())),
    'a decision, and what the page asks for after it': await median(9, () => () => {
      const { revision } = calls.workspace.describe();
      calls.journal.edit({
        choice: { ids: [1 + (decision % images)] },
        change: { decision: decision++ % 2 ? 'keep' : 'reject' },
      });
      asJson(calls.samples.changes({ since: revision, limit: 20_000 }));
      asJson(calls.workspace.describe());
    }),
    'one run': await median(9, () => () => asJson(calls.runs.get({ id: 'cnn-1' }))),
    'one image in the inspector': await median(
      9,
      () => () =>
        asJson(
          calls.samples.values({
            id: 7,
            columns: calls.samples
              .columns()
              .slice(-84)
              .map(({ name }) => name),
          }),
        ),
    ),
  };
  await (workspace as unknown as OpenWorkspace).close();
  rmSync(at, { recursive: true });
  return result;

  function page() {
    asJson(calls.samples.changes({ since: 0, limit: 20_000 }));
    for (const answer of [
      calls.workspace.describe(),
      calls.runs.list(),
      calls.samples.columns(),
      calls.samples.issues(),
      calls.checks.list(),
      calls.labels.queue(),
    ])
      asJson(answer);
  }
}

function fill(workspace: OpenWorkspace, runs: number) {
  putImages(workspace, images);
  for (let n = 1; n <= runs; n++) putRun(workspace, madeRun(n));
}

function asJson(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer));
}

/** `prepare` is not timed. */
async function median(times: number, prepare: () => (() => void) | Promise<() => void>): Promise<number> {
  const all: number[] = [];
  for (let i = 0; i <= times; i++) {
    const work = await prepare();
    const began = performance.now();
    work();
    if (i) all.push(performance.now() - began);
  }
  return all.sort((a, b) => a - b)[times >> 1];
}

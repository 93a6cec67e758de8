/**
 * Whether thresholds keep their promise: false alarms promised against false alarms observed, on random splits of the normal images of a set. Half of them are
 * trained on and give the threshold, the other half are counted. Prints a table in Markdown. Run it as
 *
 *   npm run bench -- calibration [DATA] [--sets cookies,deep-pcb,kolektor-sdd] [--methods nearest,gaussian] [--splits 20]
 *
 * where DATA holds the sets and `truth/`; the default is the shared data beside the project.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { scorerOf } from '../../src-main/compute/anomaly/index.ts';
import { random, shuffle } from '../../src-main/compute/random.ts';
import { folderTruth } from '../../src-main/contract/folder-truth.ts';
import { meanOf } from '../../src-main/contract/numbers.ts';
import { countFrom, thresholdRules, type Evidence } from '../../src-main/contract/threshold-rules.ts';
import { thresholdOf } from '../../src-main/contract/threshold.ts';
import { prepareImages, withSize } from '../../src-main/jobs/scorer-images.ts';
import type { Report } from '../../src-main/workspace/report.ts';
import { sharedData } from '../fixtures/images.ts';
import { openWorkspace, scanned } from '../fixtures/workspace.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sets: { type: 'string', default: 'cookies,deep-pcb,kolektor-sdd' },
    methods: { type: 'string', default: 'nearest,gaussian,pca' },
    splits: { type: 'string', default: '20' },
  },
});
const data = positionals[0] ?? sharedData;
/** Rules that are placed by normal images. */
const rules = thresholdRules.filter(({ id }) => id !== 'share' && id !== 'f1');
const splits = Number(options.splits);
const silent: Report = {
  signal: new AbortController().signal,
  stage: () => undefined,
  progress: () => undefined,
  run: () => undefined,
};
const sorted = (values: Iterable<number>): Float64Array => Float64Array.from(values).sort();
const none = new Float64Array();

console.log('| set | method | held out, counted | rule | promised | observed | more than promised |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-calibration-'));
for (const set of options.sets.split(',')) {
  const at = path.join(work, set);
  fs.mkdirSync(at);
  const workspace = await scanned(openWorkspace(path.join(data, set), at, false));
  for (const method of options.methods.split(',')) {
    const scorer = scorerOf(method);
    if (!scorer) throw new Error(`There is no scorer '${method}'.`);
    const all = workspace.table.samples();
    const params = withSize(scorer, scorer.ready({ stability: 0 }).params, all.length);
    using prepared = await prepareImages(workspace, scorer, params, all, silent);
    const truth = folderTruth(prepared.samples.map((sample) => sample.path));
    const normal = prepared.samples.flatMap((sample, i) => (truth(sample.path)?.isAnomalous === false ? [i] : []));
    const results = new Map(rules.map(({ id }) => [id, { promised: [], observed: [], above: 0 } as Result]));
    let judged = 0;
    let counted = 0;
    for (let split = 1; split <= splits; split++) {
      const order = shuffle([...normal], random('calibration', split));
      const half = order.length >> 1;
      const train = Int32Array.from(order.slice(0, half)).sort();
      const { scores, heldOut } = await workspace.compute.call('fit', {
        method,
        params,
        seed: split,
        runFolder: fs.mkdtempSync(path.join(work, 'run-')),
        images: prepared.set,
        train,
        areNormal: true,
        resume: false,
      });
      const normals = sorted(Array.from(heldOut, (at) => scores[at]));
      const unseen = sorted(order.slice(half).map((at) => scores[at]));
      [judged, counted] = [normals.length, unseen.length];
      const evidence: Evidence = {
        scores: sorted(scores),
        normals,
        trained: sorted(Array.from(train, (at) => scores[at])),
        labelled: { normal: none, anomalous: none },
      };
      for (const { id } of rules) {
        const { score, promise } = thresholdOf(evidence, { rule: id, value: null });
        if (score === null) continue;
        const result = results.get(id) as Result;
        const perThousand = (1000 * countFrom(unseen, score)) / unseen.length;
        result.observed.push(perThousand);
        if (!promise) continue;
        result.promised.push(promise.perThousand);
        if (perThousand > promise.high) result.above++;
      }
    }
    for (const [id, { promised, observed, above }] of results) {
      if (!observed.length) continue;
      const figures = promised.length
        ? [meanOf(promised).toFixed(0), meanOf(observed).toFixed(0), `${above} of ${promised.length}`]
        : ['cannot be judged', meanOf(observed).toFixed(0), ''];
      console.log(`| ${[set, method, `${judged}, ${counted}`, id, ...figures].join(' | ')} |`);
    }
  }
  await workspace.close();
  await workspace.compute.stop();
}
fs.rmSync(work, { recursive: true });

interface Result {
  /** In 1,000 normal images, by split. */
  promised: number[];
  observed: number[];
  /** Splits in which the observed rate lies above the promised interval. */
  above: number;
}

/**
 * Folders in which nobody marked the normal images: normal images with 5, 10 and 20 % defects among them, all in one folder, ranked without a choice of normal images. Prints
 * the area under the ROC curve as a table, median over the seeds, by set and fraction of defects: for scorers that train on all images, with and without trimming, and for
 * `auto`, which takes the images that resemble most others.
 *
 *   npm run bench -- unlabelled [DATA] [--sets cookies,deep-pcb] [--methods auto,patch-memory:trimmed=0.15] [--seeds 3]
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fit } from '../../src-main/compute/anomaly/fit.ts';
import { scorerOf } from '../../src-main/compute/anomaly/index.ts';
import { startBackend } from '../../src-main/compute/backend.ts';
import { range } from '../../src-main/compute/pixels.ts';
import { random, shuffle } from '../../src-main/compute/random.ts';
import { auroc, medianOf } from '../../src-main/contract/statistics.ts';
import { plantedPositions } from '../../src-main/jobs/fit-scorer.ts';
import { withSize } from '../../src-main/jobs/scorer-images.ts';
import { selectRows } from '../../src-main/rows/row-set.ts';
import { sharedData } from '../fixtures/images.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { inspectionSets, Sets } from './anomaly-tasks.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sets: { type: 'string', default: inspectionSets.join(',') },
    methods: { type: 'string', default: 'auto,patch-memory,patch-memory:trimmed=0.15,gaussian,nearest' },
    seeds: { type: 'string', default: '3' },
  },
});
const fractions = [0.05, 0.1, 0.2];
const sets = new Sets(positionals[0] ?? sharedData);
await startBackend();
console.log(
  `| set | method | ${fractions.map((f) => `${f * 100} % defects`).join(' | ')} | seconds |\n|---|---|---|---|---|---|`,
);
for (const name of options.sets.split(',')) {
  const rows = sets.rows(name);
  const [good, bad] = ['0', '1'].map((is) => rows.flatMap((row, i) => (row.is_anomaly === is ? [i] : [])));
  for (const method of options.methods.split(',')) {
    const [id, setting] = method.split(':');
    const scorer = scorerOf(id);
    if (!scorer) throw new Error(`There is no scorer '${id}'.`);
    const [parameter, value] = setting?.split('=') ?? [];
    const cells: string[] = [];
    const seconds: number[] = [];
    for (const fraction of fractions) {
      const figures: number[] = [];
      for (let seed = 1; seed <= Number(options.seeds); seed++) {
        const count = Math.min(bad.length, Math.round((good.length * fraction) / (1 - fraction)));
        const odd = shuffle(bad.slice(), random('unlabelled', name, seed)).slice(0, count);
        const files = [...good, ...odd];
        const { params: checked } = scorer.ready({ stability: 0, ...(parameter && { [parameter]: Number(value) }) });
        const params = withSize(scorer, checked, files.length);
        const sizePx = scorer.sizePx(params) ?? 0;
        const inputs = await sets.inputs(name, scorer.inputs, sizePx);
        const train = range(0, files.length);
        const of = plantedPositions(train, seed);
        const numbers = Array.from(of, (position) => files[position]);
        const planted = { images: await sets.inputs(name, scorer.inputs, sizePx, seed, numbers), of };
        const runFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-bench-'));
        const result = await serveCall(fit, {
          ...{ method: id, params, seed, runFolder, resume: false, areNormal: false },
          images: selectRows(inputs, Int32Array.from(files)),
          ...{ train, planted },
        });
        fs.rmSync(runFolder, { recursive: true });
        seconds.push(result.seconds);
        figures.push(auroc(result.scores.subarray(good.length), result.scores.subarray(0, good.length)));
      }
      cells.push(
        medianOf(figures.sort((a, b) => a - b))
          .toFixed(3)
          .replace(/^0/, ''),
      );
    }
    console.log(`| ${name} | ${method} | ${cells.join(' | ')} | ${Math.max(...seconds).toFixed(0)} |`);
  }
}

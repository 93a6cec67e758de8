/**
 * How well the quality checks rank and flag: on the shared set `dirty` with its known problems, and on other shared sets into which the
 * same problems are planted by seed. Prints a table of average precision (ties at their worst) and found / planted + false positives,
 * and the time of the measurements. `--json FILE` writes the scores of `dirty` in the format of a scan's JSON.
 *
 *   node test/bench/checks.ts [--sets dirty,cookies] [--json FILE]
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import type { CheckInput } from '../../src-main/check/check.ts';
import { findings } from '../../src-main/check/findings.ts';
import { checks } from '../../src-main/check/index.ts';
import { random } from '../../src-main/compute/random.ts';
import { measure } from '../../src-main/image/measure.ts';
import { sharedSet } from '../fixtures/images.ts';
import { checkInput, plant, planted, type PlantedFile } from '../fixtures/planted.ts';

const { values: options } = parseArgs({
  options: {
    sets: { type: 'string', default: 'dirty,clothing-10,photos-large,sign-digits,cookies,toy-aliens' },
    json: { type: 'string' },
  },
});
/** The number of images used of a set, and the fraction into which each problem is planted. */
const [most, fraction] = [400, 0.04];

const checkOf: Record<string, string> = {
  blur: 'blurry',
  motion: 'blurry',
  dark: 'dark',
  overexposed: 'overexposed',
  gray: 'grayscale',
  'gray-rgb': 'grayscale',
  aspect: 'odd-aspect',
  blank: 'low-information',
  blurred: 'blurry',
  grayscale: 'grayscale',
  odd_aspect: 'odd-aspect',
};

interface Problem extends PlantedFile {
  problem: string;
}

const imagesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(jpe?g|png)$/i.test(name))
    .map((name) => name.replaceAll('\\', '/'))
    .sort();

function withTruth(): Problem[] {
  const folder = sharedSet('dirty');
  const lines = readFileSync(path.join(folder, '..', 'truth', 'dirty', 'dirty-truth.tsv'), 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'));
  const problems = new Map(lines.map(([name, problem]) => [name, problem]));
  return imagesOf(folder).map((name) => ({
    path: name,
    bytes: readFileSync(path.join(folder, name)),
    class: name.split('/')[0],
    problem: problems.get(name) ?? '',
  }));
}

async function withPlants(set: string): Promise<Problem[]> {
  const folder = sharedSet(set);
  const next = random('checks', set);
  const names = imagesOf(folder)
    .map((name) => ({ name, at: next() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, most)
    .map(({ name }) => name);
  const files: Problem[] = names.map((name) => ({
    path: name,
    bytes: readFileSync(path.join(folder, name)),
    problem: '',
  }));
  const clean = files.slice();
  for (const problem of planted) {
    for (let i = 0; i < Math.max(6, fraction * clean.length); i++) {
      const from = clean[Math.floor(next() * clean.length)];
      files.push({ path: `${problem}-${i}.jpg`, problem, bytes: (await plant(problem, from.bytes, next)).bytes });
    }
  }
  return files;
}

/** In a tie, positives rank last. */
function averagePrecision(scores: readonly number[], isPlanted: readonly boolean[]): number {
  const order = scores
    .map((score, i) => ({ score, hit: isPlanted[i] ? 1 : 0 }))
    .filter(({ score }) => Number.isFinite(score))
    .sort((a, b) => b.score - a.score || a.hit - b.hit);
  let hits = 0;
  const sum = order.reduce((total, { hit }, i) => total + (hit ? ++hits / (i + 1) : 0), 0);
  return sum / isPlanted.filter(Boolean).length;
}

function evaluate(files: readonly Problem[], input: CheckInput): Record<string, string> {
  const row: Record<string, string> = {};
  for (const problem of new Set(files.map((file) => file.problem).filter((name) => checkOf[name]))) {
    const check = checks.find(({ id }) => id === checkOf[problem])!;
    const scores = check.score(input);
    // Images with another planted problem that the same check may find are ignored.
    const evaluated = [...files.keys()].filter(
      (i) => files[i].problem === problem || checkOf[files[i].problem] !== check.id,
    );
    const isPlanted = evaluated.map((i) => files[i].problem === problem);
    const flags = evaluated.map((i) => scores[i] >= check.threshold);
    const found = flags.filter((flag, k) => flag && isPlanted[k]).length;
    const precision = averagePrecision(
      evaluated.map((i) => scores[i]),
      isPlanted,
    ).toFixed(3);
    row[problem] =
      `${precision}  ${found}/${isPlanted.filter(Boolean).length} +${flags.filter(Boolean).length - found}`;
  }
  return row;
}

function writeScan(file: string, files: readonly Problem[], input: CheckInput) {
  const scored = checks.map((check) => ({ check, scores: check.score(input) }));
  const samples = files.map(({ path: name }, i) => ({
    path: name,
    checks: Object.fromEntries(
      scored.map(({ check, scores }) => [check.id, { score: scores[i], flagged: scores[i] >= check.threshold }]),
    ),
  }));
  writeFileSync(file, JSON.stringify({ samples, issues: [], groups: [] }));
}

/** CPU milliseconds of this thread for a thumbnail of 256 × 192. */
async function measureTime(bytes: Buffer): Promise<number> {
  const data = await sharp(bytes).resize(256, 192, { fit: 'fill' }).removeAlpha().raw().toBuffer();
  const turns = 400;
  for (let i = 0; i < turns; i++) measure(data, 256, 192, 3);
  const before = process.threadCpuUsage();
  for (let i = 0; i < turns; i++) measure(data, 256, 192, 3);
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000 / turns;
}

const table: Record<string, Record<string, string>> = {};
for (const set of options.sets.split(',')) {
  const files = set === 'dirty' ? withTruth() : await withPlants(set);
  const input = await checkInput(files);
  for (const [problem, result] of Object.entries(evaluate(files, input))) (table[problem] ??= {})[set] = result;
  if (set === 'dirty') {
    for (const { flagged, message, score } of findings(input))
      console.log(`${flagged ? 'flagged' : '       '} ${score.toFixed(2)} ${message}`);
    if (options.json) writeScan(options.json, files, input);
    console.log(`measure: ${(await measureTime(files[0].bytes)).toFixed(2)} ms for a thumbnail of 256 × 192`);
  }
}
console.table(table);

/**
 * Transfer learning on the command line, on photographs of hand signs: the head trains in seconds on stored embeddings, label errors are found and resolved,
 * similar images are listed, and exported classifiers give the same predictions in onnxruntime.
 */
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startBackend } from '../../src-main/compute/backend.ts';
import { features } from '../../src-main/compute/embed/features.ts';
import { usual } from '../../src-main/compute/models/pretrained.ts';
import { makeRow } from '../../src-main/image/pixels.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { holdOpen, winnow, winnowJson } from '../fixtures/command.ts';
import { copyDigits, sharedSet, temporaryFolder } from '../fixtures/images.ts';
import { serveCall } from '../fixtures/serve-call.ts';

interface Labelled {
  path: string;
  given: string;
  suggested: string;
  quality: number;
  flagged: boolean;
}
interface Trained {
  samples: { path: string; split: string; label: string; predicted: string; probabilities: Record<string, number> }[];
  run: {
    id: string;
    mode: string;
    metrics: Record<string, number>;
    parameters: Record<string, unknown>;
    report: Record<string, unknown>;
    classes: string[];
    history: unknown[];
  };
}

/** Of a training of all layers. */
const quick = ['--size', '96', '--epochs', '1', '--policy', 'none', '--min-steps', '2'];
const perClass = 14;
const classes = ['0', '1', '2', '3', '4', '5', '6', '9'];
/** Some images of each digit; four are in the wrong folder. */
const moved: [from: string, to: string, place: number][] = [
  ['0', '5', 2],
  ['5', '1', 3],
  ['1', '9', 4],
  ['9', '0', 5],
];
let folder: string;
let planted: string[];
let closeEngine: () => Promise<void>;
const data = { WINNOW_DATA: temporaryFolder('data') };

beforeAll(async () => {
  folder = temporaryFolder('digits');
  copyDigits(folder, classes, perClass);
  const files = new Map(classes.map((name) => [name, readdirSync(join(folder, name)).sort()]));
  planted = moved.map(([from, to, place]) => {
    const file = files.get(from)![place];
    renameSync(join(folder, from, file), join(folder, to, `moved-${file}`));
    return `${to}/moved-${file}`;
  });
  closeEngine = await holdOpen(folder, data);
});
afterAll(() => closeEngine());

const workspaceOf = (): string =>
  join(data.WINNOW_DATA, 'workspaces', readdirSync(join(data.WINNOW_DATA, 'workspaces'))[0]);
/** The file of the embeddings. */
const embeddingsFile = (): string => {
  const db = new DatabaseSync(join(workspaceOf(), 'workspace.sqlite'), { readOnly: true });
  const { file } = db.prepare("SELECT file FROM row_sets WHERE kind = 'embeddings'").get() as { file: string };
  db.close();
  return join(workspaceOf(), file);
};
const embeddingRows = (): number => statSync(embeddingsFile()).size / (1984 * 4);

/** Images whose stored row belongs to another image: images are decoded concurrently, and each must end in its own row. */
async function strangerRows(): Promise<string[]> {
  const db = new DatabaseSync(join(workspaceOf(), 'workspace.sqlite'), { readOnly: true });
  const known = db
    .prepare(
      "SELECT path, row FROM samples JOIN set_rows USING (sha256) JOIN row_sets ON row_sets.id = set_id WHERE kind = 'embeddings' AND gone = 0",
    )
    .all() as {
    path: string;
    row: number;
  }[];
  db.close();
  const kept = readFileSync(embeddingsFile());
  const { size, id, sizePx } = usual;
  await startBackend();
  const pixels: Uint8Array[] = [];
  for (const { path } of known)
    pixels.push(await makeRow(await openImage(readFileSync(join(folder, path)), path), sizePx));
  const { codes } = await serveCall(features, { model: id, bytes: Buffer.concat(pixels) });
  const strangers: string[] = [];
  for (const [i, { path, row }] of known.entries()) {
    const own = new Float32Array(Uint8Array.from(kept.subarray(row * size * 4, (row + 1) * size * 4)).buffer);
    if (own.some((value, j) => Math.abs(value - codes[i * size + j]) > 1e-3)) strangers.push(path);
  }
  return known.length === classes.length * perClass ? strangers : known.map(({ path }) => path);
}

describe('embeddings', () => {
  test('train the head in seconds; each image is tested once by a head that was not trained on it', async () => {
    const { run, samples } = await winnowJson<Trained>(['train', folder, '--mode', 'head', '--folds', '3'], data);
    expect(run).toMatchObject({ id: 'efficientnet-lite0-1', mode: 'head', classes });
    expect(samples).toHaveLength(classes.length * perClass);
    expect(samples.every(({ split }) => split === 'test')).toBe(true);
    expect(run.metrics.accuracy).toBeGreaterThan(0.55); // chance is 1/8; 1/28 of the labels is wrong
    expect(run.report.penalty).toBeGreaterThan(0);
    expect(run.parameters).toMatchObject({ sizePx: 224, fit: 'stretch', levels: true });
    expect(embeddingRows()).toBe(samples.length);
    expect(await strangerRows()).toEqual([]);
  });

  test('the same seed gives the same head, from embeddings that are already stored', async () => {
    const rows = embeddingRows();
    const args = ['train', folder, '--mode', 'head', '--seed', '2'];
    const [first, again] = [
      await winnowJson<Trained>(args, data),
      await winnowJson<Trained>([...args, '--fresh'], data),
    ];
    expect(again.run.id).not.toBe(first.run.id);
    expect(again.samples).toEqual(first.samples);
    expect(embeddingRows()).toBe(rows);
  });

  test('are computed for a new image only; its most similar image is its copy', async () => {
    const [first] = readdirSync(join(folder, '3')).sort();
    copyFileSync(join(folder, '3', first), join(folder, 'copy.png'));
    copyFileSync(
      join(sharedSet('sign-digits'), '7', readdirSync(join(sharedSet('sign-digits'), '7'))[0]),
      join(folder, 'new.jpg'),
    );
    const before = embeddingRows();
    const { samples, to } = await winnowJson<{ to: string[]; samples: { path: string; likeness: number }[] }>(
      ['like', folder, `3/${first}`],
      data,
    );
    expect(embeddingRows()).toBe(before + 1); // the copy has the content of a known image
    expect(to).toEqual([`3/${first}`]);
    expect(samples).toHaveLength(classes.length * perClass + 2);
    expect(
      samples
        .slice(0, 2)
        .map(({ path }) => path)
        .sort(),
    ).toEqual([`3/${first}`, 'copy.png'].sort());
    expect(samples[0].likeness).toBeCloseTo(1, 4);
    expect(samples.at(-1)!.likeness).toBeLessThan(samples[2].likeness);
    const { out } = await winnow(['show', folder, '--where', 'alike > 0.999'], data);
    expect(out.trim().split('\n').sort()).toEqual([`3/${first}`, 'copy.png'].sort());
  });

  test('give the map, and rank the least similar images first', async () => {
    const map = await winnowJson<{ run: string; samples: { path: string; x: number }[] }>(['map', folder], data);
    expect(map.run).toBe('efficientnet-lite0');
    expect(map.samples).toHaveLength(classes.length * perClass + 2);
    const nasty = join(folder, 'strange.png');
    copyFileSync(join(import.meta.dirname, '..', '..', 'assets', 'icon.png'), nasty);
    const rank = await winnowJson<{
      samples: { path: string; score: number; rank: number }[];
      run: { method: string };
    }>(['rank', folder, '--method', 'nearest'], data);
    expect(rank.run.method).toBe('nearest');
    expect(rank.samples[0].path).toBe('strange.png');
    const refused = await winnow(
      ['rank', folder, '--method', 'nearest', '--maps', join(temporaryFolder('maps'), 'm')],
      data,
    );
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('no error maps') as string });
  });
});

describe('label errors', () => {
  test('planted ones are found; one is accepted, one confirmed, and undo reverts it', async () => {
    const { samples } = await winnowJson<{ samples: Labelled[] }>(['labels', folder, '--repeats', '1'], data);
    expect(samples).toHaveLength(classes.length * perClass);
    for (const { quality } of samples) expect(quality >= 0 && quality <= 1).toBe(true);
    expect(samples.map(({ quality }) => quality)).toEqual(samples.map(({ quality }) => quality).sort((a, b) => a - b));
    const of = (path: string): Labelled => samples.find((sample) => sample.path === path)!;
    const found = planted.filter((path) => of(path).flagged);
    expect(found.length).toBeGreaterThanOrEqual(3);
    const right = found.filter((path) => of(path).suggested === moved[planted.indexOf(path)][0]);
    expect(right.length).toBeGreaterThanOrEqual(2);
    const ranks = planted.map((path) => samples.findIndex((sample) => sample.path === path));
    expect(ranks.reduce((a, b) => a + b) / ranks.length).toBeLessThan(samples.length / 5);

    const [one, other] = right;
    const flagged = samples.filter((sample) => sample.flagged).length;
    const accepted = await winnowJson<{ changed: number; left: number }>(['labels', folder, '--accept', one], data);
    expect(accepted).toMatchObject({ changed: 1, left: flagged - 1 });
    const marked = async () =>
      (await winnow(['show', folder, '--where', `label = '${of(one).suggested}'`], data)).out.trim();
    expect(await marked()).toBe(one);
    const confirmed = await winnowJson<{ left: number }>(['labels', folder, '--confirm', other], data);
    expect(confirmed.left).toBe(flagged - 2);
    // Accepted and confirmed labels stay resolved in the next search.
    const again = await winnowJson<{ samples: Labelled[] }>(['labels', folder, '--repeats', '2', '--folds', '2'], data);
    expect(again.samples.find(({ path }) => path === other)!.flagged).toBe(false);
    expect(again.samples.find(({ path }) => path === one)!.given).toBe(of(one).suggested);

    const script = (await winnow(['script', folder], data)).out;
    expect(script).toContain(`labels "$FOLDER" --confirm --skip-missing --from -`);
    expect(script).toContain(JSON.stringify({ path: one, label: of(one).suggested }));
    await winnow(['undo', folder], data);
    await winnow(['undo', folder], data);
    expect(await marked()).toBe('');
    const stranger = samples.at(-1)!.path; // the least probable error
    expect(await winnow(['labels', folder, '--accept', stranger], data)).toMatchObject({
      code: 2,
      err: expect.stringContaining('is not in the list of label errors') as string,
    });
  });

  test('a classifier with folds can find label errors, one without cannot', async () => {
    const { samples } = await winnowJson<{ samples: Labelled[] }>(
      ['labels', folder, '--run', 'efficientnet-lite0-1'],
      data,
    );
    expect(samples.length).toBeGreaterThanOrEqual(classes.length * perClass);
    const single = await winnowJson<Trained>(['train', folder, '--mode', 'head'], data);
    expect(await winnow(['labels', folder, '--run', single.run.id], data)).toMatchObject({
      code: 2,
      err: expect.stringContaining('not a cross-validated classifier') as string,
    });
  });
});

describe('exported models', () => {
  test('a classifier gives the same outputs in onnxruntime', async () => {
    const { run, samples: trained } = await winnowJson<Trained>(
      ['train', folder, '--mode', 'head', '--seed', '2'],
      data,
    );
    const { samples } = await winnowJson<{ samples: { path: string; probabilities: Record<string, number> }[] }>(
      ['predict', folder, '--run', run.id],
      data,
    );
    const to = join(temporaryFolder('models'), 'digits');
    const told = await winnowJson<{ classes: string[] }>(['export-model', folder, '--run', run.id, '--to', to], data);
    expect(told.classes).toEqual(classes);
    expect(readdirSync(to).sort()).toEqual(['README.md', 'about.json', 'model.onnx', 'tfjs']);
    const about = JSON.parse(readFileSync(join(to, 'about.json'), 'utf8')) as {
      classes: string[];
      transform: { sizePx: number };
    };
    expect(about).toMatchObject({ classes, transform: { sizePx: 224, fit: 'stretch', cropPx: 224 } });
    expect(readFileSync(join(to, 'README.md'), 'utf8')).toContain("session.run(['probabilities']");
    const session = await ort.InferenceSession.create(join(to, 'model.onnx'));
    // A validation image keeps the prediction of the head before it was also trained on the validation images.
    const learnt = trained.filter(({ split }) => split !== 'val').map(({ path }) => path);
    for (const { path, probabilities } of samples.filter(({ path }) => learnt.includes(path)).slice(3, 8)) {
      const row = await makeRow(await openImage(readFileSync(join(folder, path)), path), 224);
      const output = await session.run({ pixels: new ort.Tensor('float32', Float32Array.from(row), [1, 224, 224, 3]) });
      classes.forEach((name, i) =>
        expect(Number((output.probabilities.data as Float32Array)[i])).toBeCloseTo(probabilities[name], 3),
      );
    }
    expect(await winnow(['take-away', folder, '--to', to], data)).toMatchObject({
      code: 1,
      err: expect.stringContaining('not empty') as string,
    });
    const inside = join(folder, 'model');
    expect(await winnow(['take-away', folder, '--to', inside], data)).toMatchObject({
      code: 1,
      err: expect.stringContaining('never writes to') as string,
    });
    expect(existsSync(inside)).toBe(false);
  });
});

describe('training modes', () => {
  test('the advice places the folder in the table', async () => {
    const advice = await winnowJson<{
      size: string;
      perClass: number;
      distance: number;
      similarity: string;
      mode: string;
      reasons: string[];
      table: { size: string; similarity: string; mode: string }[];
    }>(['advise', folder], data);
    expect(advice).toMatchObject({ size: 'small', perClass });
    expect(advice.distance).toBeGreaterThan(0.15); // hands in front of one wall differ from ImageNet
    expect(advice.similarity).not.toBe('high');
    expect(advice.table).toHaveLength(6);
    expect(
      advice.table.find(({ size, similarity }) => size === advice.size && similarity === advice.similarity)!.mode,
    ).toBe(advice.mode);
    expect(advice.reasons.join(' ')).toContain(String(perClass));
  });

  test('all layers are trained after the head, at a smaller size, without a worse validation result', async () => {
    const [few, own] = [temporaryFolder('few-digits'), { WINNOW_DATA: temporaryFolder('data') }];
    copyDigits(few, ['0', '1', '5', '9'], 10);
    onTestFinished(await holdOpen(few, own));
    const { run } = await winnowJson<Trained>(
      ['train', few, '--mode', 'head-then-all', ...quick, '--split', '60,20,20'],
      own,
    );
    expect(run).toMatchObject({ mode: 'head-then-all', parameters: { sizePx: 96, norms: 'frozen', layerRate: 0.75 } });
    expect(run.history).toHaveLength(1);
    expect(run.metrics.accuracy).toBeGreaterThan(0.3);
    const all = await winnowJson<Trained>(['train', few, '--mode', 'all', ...quick, '--norms', 'batch'], own);
    expect(all.run).toMatchObject({ mode: 'all', parameters: { norms: 'batch' } });
  });

  test('invalid requests give an error message', async () => {
    expect(await winnow(['train', folder, '--mode', 'head', '--model', 'resnet'], data)).toMatchObject({
      code: 2,
      err: expect.stringContaining('no pretrained weights for ResNet') as string,
    });
    expect(await winnow(['train', folder, '--mode', 'head', '--epochs', '3'], data)).toMatchObject({
      code: 2,
      err: expect.stringContaining('no option --epochs') as string,
    });
    expect(await winnow(['train', folder, '--mode', 'head', '--find-rate'], data)).toMatchObject({
      code: 2,
      err: expect.stringContaining('without a learning rate') as string,
    });
    writeFileSync(join(folder, 'unread.txt'), ''); // not an image file
    expect(await winnow(['labels', folder, '--folds', '1'], data)).toMatchObject({
      code: expect.any(Number) as number,
      err: expect.stringMatching(/2/) as string,
    });
  });
});

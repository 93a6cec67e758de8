/**
 * The tasks on which scorers are compared: sets with known truth, and one class against the others; and the inputs of scorers for them, computed once and kept in
 * `dist/bench`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { patchLayout, patches, sideStep } from '../../src-main/compute/embed/patches.ts';
import { features } from '../../src-main/compute/embed/features.ts';
import { usual } from '../../src-main/compute/models/pretrained.ts';
import { hashOf } from '../../src-main/compute/train/batches.ts';
import { random, shuffle } from '../../src-main/compute/random.ts';
import type { ScorerInputs } from '../../src-main/contract/types.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { makeRectangle, makeRow } from '../../src-main/image/pixels.ts';
import { plantDefect } from '../../src-main/image/plant.ts';
import { sidesOf } from '../../src-main/jobs/patches.ts';
import { patchRowShape } from '../../src-main/rows/patch-rows.ts';
import type { RowSet, RowType } from '../../src-main/rows/row-set.ts';
import { serveCall } from '../fixtures/serve-call.ts';

export interface Task {
  name: string;
  /** The set that it is made from. */
  set: string;
  metric: 'auroc' | 'ap';
  /** Images as numbers of the set's files. */
  files: number[];
  /** Positions in `files`: normal images to train on. */
  train: number[];
  /** By position: 1 anomalous, 0 normal, NaN not evaluated. */
  truth: number[];
}

export const inspectionSets = ['cookies', 'toy-aliens', 'deep-pcb', 'kolektor-sdd'];
const classSets = ['sign-digits', 'clothing-10'];

export class Sets {
  readonly #data: string;
  readonly #cache = path.resolve(import.meta.dirname, '..', '..', 'dist', 'bench', 'anomaly');

  /** `data`: the folder that holds the sets and `truth/`. Throws if there is none. */
  constructor(data: string) {
    if (!fs.existsSync(path.join(data, 'truth'))) throw new Error(`There is no data with its truth at ${data}.`);
    this.#data = data;
    fs.mkdirSync(this.#cache, { recursive: true });
  }

  /** The inspection sets, and each class of the other sets. */
  allTasks(): string[] {
    const classes = classSets.flatMap((set) =>
      [...new Set(this.rows(set).map((row) => row.class))].sort().map((name) => `${set}:${name}`),
    );
    return [...inspectionSets, ...classes];
  }

  /** The lines of the set's manifest whose file exists. */
  rows(set: string): Record<string, string>[] {
    return table(path.join(this.#data, 'truth', set, 'MANIFEST.tsv')).filter((row) =>
      fs.existsSync(path.join(this.#data, set, row.path)),
    );
  }

  /** The path of the mask of a defect, or null. */
  mask(set: string, row: Record<string, string>): string | null {
    return row.mask ? path.join(this.#data, 'truth', set, row.mask) : null;
  }

  paths(set: string): string[] {
    return this.rows(set).map((row) => path.join(this.#data, set, row.path));
  }

  /** A task by name; `clothing-10:dress` takes one class as the normal one and a tenth of the others as anomalies. */
  task(name: string): Task {
    const [set, normal] = name.split(':');
    const rows = this.rows(set);
    if (normal) {
      const own = shuffle(
        rows.flatMap((row, i) => (row.class === normal ? [i] : [])),
        random('split', name),
      );
      const others = shuffle(
        rows.flatMap((row, i) => (row.class === normal ? [] : [i])),
        random('others', name),
      );
      const trained = Math.round((own.length * 2) / 3);
      const odd = others.slice(0, Math.round(others.length / 10));
      return {
        name,
        set,
        metric: 'auroc',
        files: [...own, ...odd],
        train: Array.from({ length: trained }, (_, i) => i),
        truth: [...own, ...odd].map((_, i) => (i < trained ? NaN : i < own.length ? 0 : 1)),
      };
    }
    const files = rows.map((_, i) => i);
    if (set === 'dirty') {
      const odd = new Set(
        table(path.join(this.#data, 'truth', set, 'dirty-truth.tsv'))
          .filter((row) => row.issue === 'out_of_domain')
          .map((row) => row.path),
      );
      return { name, set, metric: 'ap', files, train: files, truth: rows.map((row) => Number(odd.has(row.path))) };
    }
    return {
      name,
      set,
      metric: 'auroc',
      files,
      train: rows.flatMap((row, i) => (row.path.startsWith('train/good/') ? [i] : [])),
      truth: rows.map((row) =>
        row.path.startsWith('test/') && /^[01]$/.test(row.is_anomaly) ? Number(row.is_anomaly) : NaN,
      ),
    };
  }

  /**
   * The inputs of a scorer for all files of a set, or those with a planted defect in the files of these numbers. `sizePx`: the side of pixels, the longest side for
   * patches.
   */
  async inputs(
    set: string,
    kind: ScorerInputs,
    sizePx: number,
    plantedSeed?: number,
    numbers?: number[],
  ): Promise<RowSet> {
    const paths = this.paths(set);
    const files = numbers ? numbers.map((i) => paths[i]) : paths;
    const key = numbers && `planted${plantedSeed}-${hashOf(Int32Array.from(numbers)) >>> 0}`;
    const name = [set, kind, sizePx, key].filter(Boolean).join('-');
    if (kind === 'features')
      return {
        ...(await this.inputs(set, 'patches', sizePx, plantedSeed, numbers)),
        beside: await this.inputs(set, 'embeddings', 0, plantedSeed, numbers),
      };
    const { shape, type, batch, decode, compute, layout } = this.#maker(kind, sizePx, plantedSeed);
    const file = path.join(this.#cache, name);
    const rowBytes = shape.reduce((a, b) => a * b, 1) * { uint8: 1, float16: 2, float32: 4 }[type];
    const rowSet: RowSet = { file, type, shape, ...(layout && { layout }), rows: Int32Array.from(files.keys()) };
    if (fs.existsSync(file) && fs.statSync(file).size === files.length * rowBytes) return rowSet;
    const out = fs.openSync(`${file}.part`, 'w');
    for (let from = 0; from < files.length; from += batch) {
      const decoded = await Promise.all(
        files.slice(from, from + batch).map((one, i) => decode(one, numbers?.[from + i] ?? from + i)),
      );
      fs.writeSync(out, await compute(Buffer.concat(decoded)));
    }
    fs.closeSync(out);
    fs.renameSync(`${file}.part`, file);
    return rowSet;
  }

  #maker(kind: Exclude<ScorerInputs, 'features'>, sizePx: number, seed?: number) {
    const planted = (rgb: Uint8Array, width: number, height: number, i: number): Uint8Array =>
      seed === undefined ? rgb : plantDefect(rgb, width, height, random('planted', seed, i));
    const square =
      (side: number) =>
      async (file: string, i: number): Promise<Uint8Array> =>
        planted(await makeRow(await openImage(fs.readFileSync(file), file), side), side, side, i);
    const makers: Record<
      Exclude<ScorerInputs, 'features'>,
      Pick<RowSet, 'shape' | 'layout'> & {
        type: RowType;
        batch: number;
        decode(file: string, i: number): Promise<Uint8Array>;
        compute(bytes: Uint8Array): Promise<Uint8Array>;
      }
    > = {
      pixels: {
        shape: [sizePx, sizePx, 3],
        type: 'uint8',
        batch: 16,
        decode: square(sizePx),
        compute: async (bytes) => bytes,
      },
      embeddings: {
        shape: [usual.size],
        type: 'float32',
        batch: 20,
        decode: square(usual.sizePx),
        compute: async (bytes) => new Uint8Array((await serveCall(features, { model: usual.id, bytes })).codes.buffer),
      },
      patches: {
        shape: patchRowShape(patchLayout(usual, sizePx)),
        layout: patchLayout(usual, sizePx),
        type: 'float16',
        batch: 20,
        async decode(file, i) {
          const image = await openImage(fs.readFileSync(file), file);
          const [height, width] = sidesOf(image.height, image.width, sizePx);
          const row = Buffer.alloc(2 + height * width * 3);
          row.set([height / sideStep, width / sideStep]);
          row.set(planted(await makeRectangle(image, width, height), width, height, i), 2);
          return row;
        },
        compute: (bytes) => serveCall(patches, { model: usual.id, sizePx, bytes }),
      },
    };
    return makers[kind];
  }
}

/** The rows of a file with tab-separated values, by the names of its first line. */
function table(file: string): Record<string, string>[] {
  const [head, ...rows] = fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t'));
  return rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i] ?? ''])));
}

/**
 * Augmented views of selected images, made by the code and with the seed of training: the views of the first epochs. With mixup or CutMix each image is
 * mixed with the partner that it will have in training. The pixels of the last previews are kept for the page.
 */
import { describeStep } from '../compute/augment/recipe.ts';
import { largestAt, probabilitiesOf } from '../compute/classify/evaluate.ts';
import { Pixels, range } from '../compute/pixels.ts';
import { trainingFolder } from '../compute/run-files.ts';
import { batchAt } from '../compute/train/batches.ts';
import {
  applyDrawn,
  centreCrop,
  drawExample,
  drawBatchMix,
  partnerOf,
  type Examples,
} from '../compute/train/examples.ts';
import { applyMix, type Mix } from '../compute/augment/mix.ts';
import type { Preview, PreviewTile } from '../contract/classifier.ts';
import { WinnowError } from '../contract/errors.ts';
import type { PreviewRequest } from '../contract/schemas.ts';
import type { Run, Sample } from '../contract/types.ts';
import { encodeRgb } from '../image/encode.ts';
import type { Rows } from '../rows/row-store.ts';
import type { JobContext } from './context.ts';
import { splitDataset } from '../workspace/dataset-split.ts';
import { OutputFolder } from '../file/output-folder.ts';
import { pixelRecipe } from './pixels.ts';
import { toWinnowError, runFolder } from '../workspace/runs.ts';
import { contentKey, labelsOf, positionsOf } from './training-data.ts';
import { checkTrain } from '../workspace/check-request.ts';

const maxPreviews = 8;

interface Tile {
  position: number;
  draw: number;
  /** Mixing partner and ratio. */
  with: { position: number; mix: Mix } | null;
}

export class Previews {
  #context: JobContext;
  #pixels = new Map<string, { bytes: Uint8Array; sizePx: number }>();
  #lastId = 0;

  constructor(context: JobContext) {
    this.#context = context;
  }

  /** One tile's pixels: [sizePx, sizePx, 3]. Throws `no-samples` once the preview was discarded. */
  tile(id: string, tile: number): { bytes: Uint8Array; sizePx: number } {
    const found = this.#pixels.get(id);
    if (!found) throw new WinnowError('no-samples', 'This preview is no longer available.');
    const size = found.sizePx ** 2 * 3;
    return { bytes: found.bytes.subarray(tile * size, (tile + 1) * size), sizePx: found.sizePx };
  }

  /** Throws WinnowError. */
  async make({ train: request, ids, draws, runId, to }: PreviewRequest): Promise<Preview> {
    const { table, folder } = this.#context;
    const target = to === null ? null : new OutputFolder(to, [folder], 'The folder for views');
    const { parameters } = checkTrain(request);
    const { sizePx, fit, batch, minSteps } = parameters;
    const samples = table.samples();
    const { classes, trainings } = splitDataset(samples, this.#context.groups.list(), {
      ...request.division,
      folds: 0,
    });
    const examples: Examples = {
      labels: labelsOf(samples, classes),
      keys: Int32Array.from(samples, contentKey),
      classes: classes.length,
      smoothing: 0,
      cropPx: parameters.cropPx || sizePx,
      recipe: parameters,
    };
    const trained = positionsOf(samples, trainings[0], 'train');
    const at = new Map(samples.map(({ id }, i) => [id, i]));
    const tiles: Tile[] = ids
      .flatMap((id) => at.get(id) ?? [])
      .flatMap((position) => [
        { position, draw: -1, with: null },
        ...Array.from({ length: request.mode === 'head' ? 0 : draws }, (_, draw) => ({
          position,
          draw,
          with: mixPartnerOf(examples, trained, position, batch || 32, minSteps, request.seed, draw),
        })),
      ]);
    if (!tiles.length) throw new WinnowError('no-samples', 'None of these images is still in the folder.');
    const nameOf = ({ position, draw }: Pick<Tile, 'position' | 'draw'>) =>
      `${samples[position].path}.${draw < 0 ? 'judged' : `view-${draw + 1}`}.webp`;
    await target?.check(tiles.map(nameOf));

    const needed = [
      ...new Set(tiles.flatMap((tile) => (tile.with ? [tile.position, tile.with.position] : [tile.position]))),
    ];
    using packed = await this.#context.rows.make(
      pixelRecipe(folder, { sizePx, fit }),
      needed.map((position) => samples[position]),
    );
    const rows = readRows(packed);
    const shown = tiles.filter(
      (tile) => rows.has(samples[tile.position].id) && (!tile.with || rows.has(samples[tile.with.position].id)),
    );
    const size = examples.cropPx ** 2 * 3;
    const bytes = new Uint8Array(shown.length * size);
    const described: PreviewTile[] = shown.map((tile, i) => ({
      sampleId: samples[tile.position].id,
      draw: tile.draw,
      predicted: null,
      confidence: null,
      lost: false,
      steps: renderTile(
        examples,
        sizePx,
        request.seed,
        tile,
        (position) => rows.get(samples[position].id)!.slice(),
        bytes.subarray(i * size, (i + 1) * size),
      ),
    }));
    const id = String(++this.#lastId);
    this.#pixels.set(id, { bytes, sizePx: examples.cropPx });
    for (const old of [...this.#pixels.keys()].slice(0, -maxPreviews)) this.#pixels.delete(old);
    if (target)
      for (const [i, tile] of shown.entries())
        await target.write(
          nameOf(tile),
          await encodeRgb(bytes.subarray(i * size, (i + 1) * size), examples.cropPx, examples.cropPx),
        );
    const run = runId === null ? null : this.#context.runs.get(runId);
    return {
      id,
      sizePx: examples.cropPx,
      tiles: described,
      lost: run && (await this.#predict(run, bytes, examples.cropPx, described, samples)),
    };
  }

  /** Writes a trained model's predictions into the tiles. */
  async #predict(
    run: Run,
    bytes: Uint8Array,
    cropPx: number,
    tiles: PreviewTile[],
    samples: readonly Sample[],
  ): Promise<Preview['lost']> {
    const { classification, parameters } = run;
    if (run.state !== 'done' || !classification)
      throw new WinnowError('no-run', `${run.id} is not a finished classifier.`);
    const side = Number(parameters.cropPx) || Number(parameters.sizePx);
    if (side !== cropPx)
      throw new WinnowError('bad-request', `${run.id} takes images of ${side} px, but this preview has ${cropPx} px.`);
    const folds = classification.folds;
    const logits = await this.#context.compute
      .call('predict', {
        runFolder: trainingFolder(runFolder(this.#context.workspaceFolder, run.id), folds, 0),
        pixels: { bytes },
      })
      .catch((error: unknown) => {
        throw toWinnowError(error);
      });
    const { classes } = classification;
    const probabilities = probabilitiesOf(logits, classes.length, classification.evaluation?.calibration.temperature);
    const classOf = new Map(samples.map((sample) => [sample.id, sample.class]));
    tiles.forEach((tile, i) => {
      const predicted = largestAt(probabilities, i, classes.length);
      tile.predicted = classes[predicted];
      tile.confidence = probabilities[i * classes.length + predicted];
    });
    const known = new Set(
      tiles
        .filter(({ draw, predicted, sampleId }) => draw < 0 && predicted === classOf.get(sampleId))
        .map(({ sampleId }) => sampleId),
    );
    const views = tiles.filter(({ draw, sampleId }) => draw >= 0 && known.has(sampleId));
    for (const tile of views) tile.lost = tile.predicted !== classOf.get(tile.sampleId);
    return { known: views.length, lost: views.filter(({ lost }) => lost).length };
  }
}

/** Mixing partner of an image in an epoch; null if nothing is mixed or the image is not in the training set. */
function mixPartnerOf(
  examples: Examples,
  trained: Int32Array,
  position: number,
  batch: number,
  minSteps: number,
  seed: number,
  view: number,
): Tile['with'] {
  if (!(examples.recipe.mixup || examples.recipe.cutmix) || !trained.includes(position)) return null;
  const perPass = Math.ceil(trained.length / batch);
  for (let step = view * perPass; step < (view + 1) * perPass; step++) {
    const members = batchAt(trained, batch, minSteps, seed, step);
    const i = members.indexOf(position);
    if (i < 0) continue;
    const mix = drawBatchMix(examples, seed, step);
    return mix && { position: members[partnerOf(i, members.length)], mix };
  }
  return null;
}

/** Renders one tile into `out` and returns its augmentation steps. `rowOf` gives a copy. */
function renderTile(
  examples: Examples,
  sizePx: number,
  seed: number,
  { position, draw, with: mixed }: Tile,
  rowOf: (position: number) => Uint8Array,
  out: Uint8Array,
): string[] {
  const { cropPx } = examples;
  if (draw < 0) {
    out.set(centreCrop(rowOf(position), 1, sizePx, cropPx));
    return [];
  }
  const drawn = drawExample(examples, sizePx, seed, draw, position);
  applyDrawn(rowOf(position), sizePx, drawn, out, cropPx);
  const steps = drawn.steps.map(describeStep);
  if (!mixed) return steps;
  const other = new Uint8Array(out.length);
  applyDrawn(rowOf(mixed.position), sizePx, drawExample(examples, sizePx, seed, draw, mixed.position), other, cropPx);
  applyMix(out, other, cropPx, mixed.mix);
  return [...steps, `mixed, ${Math.round(mixed.mix.lambda * 100)} % this image`];
}

/** By sample id. */
function readRows({ set, samples }: Rows): Map<number, Uint8Array> {
  if (!samples.length) return new Map();
  const pixels = new Pixels(set);
  try {
    const bytes = pixels.read(range(0, samples.length)).slice();
    return new Map(samples.map(({ id }, i) => [id, bytes.subarray(i * pixels.rowBytes, (i + 1) * pixels.rowBytes)]));
  } finally {
    pixels.close();
  }
}

/**
 * Writes the error maps of a run as files. A map becomes a 16-bit PNG, `<path>.png`, of the aspect ratio of its image. The regions above the run's
 * `mapThreshold`, or above a given threshold, become masks: an 8-bit PNG of the size of the image each (255 in the region, else 0), and all regions as polygons
 * and boxes in `masks.json`, which has the format of COCO's instance annotations. There each image has its score, and whether the threshold of the ranking flags it.
 */
import { scorerOf } from '../compute/anomaly/index.ts';
import type { MapResult } from '../compute/anomaly/map.ts';
import { WinnowError } from '../contract/errors.ts';
import { withoutMasks } from '../contract/folder-truth.ts';
import { limitedSize, resample, resampledRows } from '../contract/resample.ts';
import type { MapFilesRequest } from '../contract/schemas.ts';
import type { RuleChoice } from '../contract/threshold.ts';
import type { Run, Sample } from '../contract/types.ts';
import { plural } from '../contract/words.ts';
import { OutputFolder } from '../file/output-folder.ts';
import { placedThreshold } from '../workspace/placed-threshold.ts';
import { regionsOf } from '../contract/contour.ts';
import { encodeGray, encodeGray16 } from '../image/encode.ts';
import type { Report } from '../workspace/report.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import { mapOf } from './maps.ts';

/** Longest side of maps, and of the grid on which outlines are found. */
const longestPx = 2048;
const cocoName = 'masks.json';

export const mapFilesJob: JobType<MapFilesRequest> = {
  kind: 'map-files',
  prepare(request, context) {
    const run = context.runs.get(request.runId);
    if (run.kind !== 'rank' || run.state !== 'done')
      throw new WinnowError('no-run', `${run.id} is not a finished ranking.`);
    const files = new MapFiles(request, run.method, context);
    if (files.isNone) throw new WinnowError('bad-request', 'Name a folder for the maps or for the masks.');
    files.thresholdOf(run);
    return {
      title: `Write ${request.masks === null ? 'maps' : 'masks'} of ${run.id}`,
      async run(report) {
        await files.check();
        return `${run.id}: ${await files.write(run, report)}`;
      },
    };
  },
};

/** The folders that a request names for maps and masks. */
export class MapFiles {
  #context: JobContext;
  #maps: OutputFolder | null;
  #masks: OutputFolder | null;
  #threshold: number | null;
  #rule: RuleChoice | null;

  /** Throws WinnowError if the method has no maps, or a folder cannot be used. */
  constructor(
    { maps, masks, maskThreshold, rule }: Omit<MapFilesRequest, 'runId'>,
    method: string,
    context: JobContext,
  ) {
    const record = scorerOf(method);
    if ((maps || masks) && !record?.gives.map)
      throw new WinnowError('bad-request', `${record?.title ?? method} scores whole images and has no error maps.`);
    const open = (path: string | null, what: string) =>
      path === null ? null : new OutputFolder(path, [context.folder], what);
    this.#context = context;
    this.#maps = open(maps, 'The folder for maps');
    this.#masks = open(masks, 'The folder for masks');
    this.#threshold = maskThreshold;
    this.#rule = rule;
    if (this.#maps && this.#maps.path === this.#masks?.path)
      throw new WinnowError('bad-request', 'Maps and masks have the same file names. Choose two folders.');
  }

  get isNone(): boolean {
    return this.#maps === null && this.#masks === null;
  }

  /** Checks, before a long computation, that all files can be written. Throws WinnowError. */
  async check(): Promise<void> {
    const names = withoutMasks(this.#context.table.samples()).map(nameOf);
    await this.#maps?.check(names);
    await this.#masks?.check([...names, cocoName]);
  }

  /** The threshold of masks; null if none are written. Throws `nothing-to-do` if it cannot be judged. */
  thresholdOf({ id, report }: Run): number | null {
    if (this.#masks === null) return null;
    const threshold = this.#threshold ?? report.mapThreshold;
    if (typeof threshold === 'number') return threshold;
    throw new WinnowError(
      'nothing-to-do',
      `${id} has no threshold for masks: fewer than five normal images were held out of the training to judge it. Choose one with --mask-threshold; 99.5 % of its maps are below ${Number(report.mapScale).toPrecision(3)}.`,
    );
  }

  /** Returns a message with what was written. Throws WinnowError. */
  async write(run: Run, report: Report): Promise<string> {
    const samples = withoutMasks(this.#context.table.samples());
    const scale = Number(run.report.mapScale) || 1;
    const threshold = this.thresholdOf(run);
    const scores = this.#context.table.values(run.column);
    const coco =
      threshold === null ? null : new CocoMasks(run, threshold, placedThreshold(this.#context, run, this.#rule).score);
    report.stage(`Writing ${coco ? 'masks' : 'error maps'}`, samples.length);
    let unreadable = 0;
    for (const [i, sample] of samples.entries()) {
      report.signal.throwIfAborted();
      const map = await mapOf(this.#context, run, sample.id).catch((error: unknown) => {
        if (!(error instanceof WinnowError) || error.code !== 'no-samples') throw error;
        unreadable++;
        return null;
      });
      if (map && this.#maps) await this.#maps.write(nameOf(sample), await encodeMap(map, sample, scale));
      if (map && this.#masks && threshold !== null && coco) {
        await this.#masks.write(nameOf(sample), await encodeMask(map, sample, threshold));
        coco.add(sample, map, scores[sample.id] ?? NaN);
      }
      report.progress(i + 1);
    }
    if (coco) await this.#masks?.write(cocoName, coco.text());
    const written = plural(samples.length - unreadable, coco ? 'mask' : 'map');
    const found = coco ? ` with ${plural(coco.regions, 'region')}` : '';
    const missing = unreadable ? `; ${plural(unreadable, 'image')} can no longer be read` : '';
    return `${written}${found} in ${(this.#masks ?? this.#maps)?.path}${missing}`;
  }
}

const nameOf = ({ path }: Pick<Sample, 'path'>): string => `${path}.png`;

/** White is the run's `mapScale`. */
function encodeMap({ map, rows, columns }: MapResult, sample: Sample, scale: number): Promise<Buffer> {
  const { width, height } = limitedSize(sample, longestPx);
  return encodeGray16(resample(map, rows, columns, height, width), width, height, scale);
}

function encodeMask({ map, rows, columns }: MapResult, { width, height }: Sample, threshold: number): Promise<Buffer> {
  const mask = new Uint8Array(width * height);
  let at = 0;
  for (const row of resampledRows(map, rows, columns, height, width))
    for (let x = 0; x < width; x++, at++) if (row[x] >= threshold) mask[at] = 255;
  return encodeGray(mask, width, height);
}

/** Annotations in the format of COCO. `score`: the largest value of the map in the region. */
class CocoMasks {
  #run: Run;
  #threshold: number;
  /** On the scores of images; null if there is none. */
  #scoreThreshold: number | null;
  #images: string[] = [];
  #annotations: string[] = [];

  constructor(run: Run, threshold: number, scoreThreshold: number | null) {
    this.#run = run;
    this.#threshold = threshold;
    this.#scoreThreshold = scoreThreshold;
  }

  get regions(): number {
    return this.#annotations.length;
  }

  /** `score`: of the image; NaN if it has none. */
  add({ path, width, height }: Sample, { map, rows, columns }: MapResult, score: number): void {
    const flagged = this.#scoreThreshold === null || Number.isNaN(score) ? null : score >= this.#scoreThreshold;
    const own = { score: Number.isNaN(score) ? null : score, flagged };
    const id = this.#images.push(
      JSON.stringify({ id: this.#images.length + 1, file_name: path, width, height, mask: nameOf({ path }), ...own }),
    );
    const grid = limitedSize({ width, height }, longestPx);
    const values = resample(map, rows, columns, grid.height, grid.width);
    const [sx, sy] = [width / grid.width, height / grid.height];
    for (const { outline, area, box, peak } of regionsOf(values, grid.width, grid.height, this.#threshold))
      this.#annotations.push(
        JSON.stringify({
          id: this.#annotations.length + 1,
          image_id: id,
          category_id: 1,
          segmentation: [outline.map((value, i) => rounded(value * (i % 2 ? sy : sx)))],
          bbox: box.map((value, i) => rounded(value * (i % 2 ? sy : sx))),
          area: rounded(area * sx * sy),
          iscrowd: 0,
          score: peak,
        }),
      );
  }

  text(): string {
    const info = {
      description: 'Anomalous regions, found by Winnow',
      run: this.#run.id,
      threshold: this.#threshold,
      scoreThreshold: this.#scoreThreshold,
    };
    const category = { id: 1, name: 'anomaly', supercategory: 'anomaly' };
    return `{"info":${JSON.stringify(info)},"licenses":[],\n"images":[\n${this.#images.join(',\n')}],\n"annotations":[\n${this.#annotations.join(',\n')}],\n"categories":[${JSON.stringify(category)}]}\n`;
  }
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

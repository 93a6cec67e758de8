/** What the units of a network answer to: runs all images through it, and reads what was found. */
import type { LayerTally } from '../compute/inside/survey.ts';
import { addTally, entriesOf, leastKept, mostKept } from '../compute/inside/tally.ts';
import type { LayerSurvey, UnitImage, UnitSurvey } from '../contract/inside.ts';
import { WinnowError } from '../contract/errors.ts';
import { clamp, largestOf, meanOf } from '../contract/numbers.ts';
import type { Sample } from '../contract/types.ts';
import type { Box } from '../contract/unlike.ts';
import { plural } from '../contract/words.ts';
import type { Report } from '../workspace/report.ts';
import type { JobContext } from './context.ts';
import { seenBox } from './inside-frame.ts';
import { readSubjectImage, resolveSubject, type ResolvedSubject, type SubjectFrame } from './inside-subject.ts';
import type { JobType } from './job-type.ts';
import { sidesOf } from './patches.ts';
import { packPixels } from './pixels.ts';
import { refreshToCompute } from './scan.ts';
import { imagesKey, readSurveyedLayer, readSurveyHeader, writeSurvey, type SurveyedLayer } from './survey-file.ts';

/** Only the most frequent classes are told apart. */
const mostClasses = 256;
/** Images of different sides are sent in blocks of this size. */
const blockSize = 8;

export const surveyJob: JobType<{ run: string }> = {
  kind: 'survey',
  prepare({ run }, context) {
    resolveSubject(context, run);
    return {
      title: `Survey the units of ${run}`,
      async run(report) {
        await refreshToCompute(context, report);
        const subject = resolveSubject(context, run);
        const samples = context.table.samples();
        if (!samples.length) throw new WinnowError('no-samples', 'There is no readable image in this folder.');
        const images = imagesKey(samples);
        if (readSurveyHeader(context, subject)?.images === images)
          return `${run}: the survey of ${plural(samples.length, 'image')} is up to date`;
        const classes = classesOf(samples);
        const labelOf = ({ class: own }: Sample): number => (own === null ? -1 : classes.indexOf(own));
        const found =
          subject.frame.shape === 'square'
            ? await surveySquares(context, subject, subject.frame, samples, classes.length, labelOf, report)
            : await surveyRectangles(context, subject, samples, classes.length, labelOf, report);
        report.signal.throwIfAborted();
        const labels = Int32Array.from(found.samples, labelOf);
        writeSurvey(context, subject, found.tallies, { ...found, images, classes, labels });
        return `${run}: ${plural(found.tallies.length, 'layer')}, ${plural(found.samples.length, 'image')}`;
      },
    };
  },
};

/** The most frequent classes, in order of their names. */
function classesOf(samples: readonly Sample[]): string[] {
  const counts = new Map<string, number>();
  for (const { class: own } of samples) if (own !== null) counts.set(own, (counts.get(own) ?? 0) + 1);
  const frequent = [...counts].sort(([, a], [, b]) => b - a).slice(0, mostClasses);
  return frequent.map(([name]) => name).sort();
}

interface Found {
  tallies: LayerTally[];
  /** The image of each number. */
  samples: readonly Sample[];
}

type Surveying = [classes: number, labelOf: (sample: Sample) => number, report: Report];

async function surveySquares(
  context: JobContext,
  { ref }: ResolvedSubject,
  { sizePx, fit, cropPx }: SubjectFrame & { shape: 'square' },
  samples: readonly Sample[],
  ...[classes, labelOf, report]: Surveying
): Promise<Found> {
  using packed = await packPixels(context, samples, { sizePx, fit }, report);
  requireSome(packed.samples);
  report.stage('Surveying', packed.samples.length);
  const tallies = await context.compute.call(
    'survey',
    {
      subject: ref,
      images: { set: packed.set, cropPx },
      labels: Int32Array.from(packed.samples, labelOf),
      classes,
      first: 0,
    },
    { signal: report.signal, onEvent: ({ done }) => report.progress(done) },
  );
  return { tallies, samples: packed.samples };
}

async function surveyRectangles(
  context: JobContext,
  { ref, frame }: ResolvedSubject,
  samples: readonly Sample[],
  ...[classes, labelOf, report]: Surveying
): Promise<Found> {
  report.stage('Surveying', samples.length);
  const known: Sample[] = [];
  let tallies: LayerTally[] | null = null;
  for (let from = 0; from < samples.length; from += blockSize) {
    report.signal.throwIfAborted();
    const block = samples.slice(from, from + blockSize);
    const read = await Promise.all(
      block.map(async (sample) => {
        const image = await readSubjectImage(context, frame, sample).catch((error: unknown) => {
          if (error instanceof WinnowError && error.code === 'no-samples') return null;
          throw error;
        });
        return image && { sample, image };
      }),
    );
    const images = read.filter((one) => one !== null);
    if (!images.length) continue;
    const own = await context.compute.call(
      'survey',
      {
        subject: ref,
        images: images.map(({ image }) => image),
        labels: Int32Array.from(images, ({ sample }) => labelOf(sample)),
        classes,
        first: known.length,
      },
      { signal: report.signal },
    );
    known.push(...images.map(({ sample }) => sample));
    if (tallies) tallies.forEach((tally, i) => addTally(tally, own[i]));
    else tallies = own;
    report.progress(from + block.length);
  }
  requireSome(known);
  return { tallies: tallies ?? [], samples: known };
}

function requireSome(samples: readonly Sample[]): void {
  if (!samples.length) throw new WinnowError('no-samples', 'No image of this folder can be read any more.');
}

const isStale = (context: JobContext, { header }: SurveyedLayer): boolean =>
  header.images !== imagesKey(context.table.samples());

/** Null before a survey. Throws WinnowError. */
export function layerSurveyOf(
  context: JobContext,
  { run, layer: name }: { run: string; layer: string },
): LayerSurvey | null {
  const found = readSurveyedLayer(context, resolveSubject(context, run), name);
  if (!found) return null;
  const { header, layer, answers, byClass } = found;
  const { classes } = header;
  return {
    layer: name,
    images: header.known.length,
    isStale: isStale(context, found),
    units: Array.from({ length: layer.units }, (_, unit) => {
      const [mean, max, silent, saturated] = answers.subarray(unit * 4, unit * 4 + 4);
      const best = selectivityOf(byClass.subarray(unit * classes.length, (unit + 1) * classes.length));
      return {
        mean,
        max,
        silent: layer.hasRelu ? silent : null,
        isDead: layer.hasRelu && silent === 1,
        saturated: layer.hasLimits ? saturated : null,
        selectivity: best?.selectivity ?? null,
        class: best ? classes[best.index].name : null,
      };
    }),
  };
}

/** Null with fewer than two classes. `means`: by class; NaN for a class of which no image can be read. */
export function selectivityOf(means: Float32Array): { selectivity: number; index: number } | null {
  const known = means.filter((mean) => !Number.isNaN(mean));
  if (known.length < 2) return null;
  const most = largestOf(known);
  const index = means.indexOf(most);
  const others = meanOf(means.filter((mean, i) => i !== index && !Number.isNaN(mean)));
  const sum = Math.abs(most) + Math.abs(others);
  return { selectivity: sum > 0 ? clamp((most - others) / sum, 0, 1) : 0, index };
}

/** Null before a survey. Throws WinnowError. */
export function unitSurveyOf(
  context: JobContext,
  { run, layer: name, unit }: { run: string; layer: string; unit: number },
): UnitSurvey | null {
  const subject = resolveSubject(context, run);
  const found = readSurveyedLayer(context, subject, name);
  if (!found) return null;
  const { header, layer, byClass } = found;
  if (unit >= layer.units)
    throw new WinnowError('bad-request', `The layer ‘${name}’ has the units 0 to ${layer.units - 1}.`);
  const imagesOf = (list: Float32Array, kept: number): UnitImage[] =>
    entriesOf(list, unit, kept).flatMap(([value, image, x, y]) => {
      const [id, sha256] = header.known[image];
      const sample = context.table.sample(id);
      if (sample?.sha256 !== sha256) return []; // gone or changed since
      return [
        { sampleId: id, path: sample.path, value, box: fieldBox(subject.frame, sample, layer.fieldPx, { x, y }) },
      ];
    });
  return {
    layer: name,
    unit,
    images: header.known.length,
    isStale: isStale(context, found),
    most: imagesOf(found.most, mostKept),
    least: imagesOf(found.least, leastKept),
    byClass: header.classes
      .map(({ name: className, images }, i) => ({
        name: className,
        mean: byClass[unit * header.classes.length + i],
        images,
      }))
      .filter(({ images }) => images > 0),
  };
}

/** The receptive field around a place, in fractions of the image, without what is outside of it. `place`: in fractions of the input; `fieldPx`: null for the whole input. */
function fieldBox(frame: SubjectFrame, sample: Sample, fieldPx: number | null, place: { x: number; y: number }): Box {
  const seen = seenBox(frame, sample);
  const [height, width] =
    frame.shape === 'square' ? [frame.cropPx, frame.cropPx] : sidesOf(sample.height, sample.width, frame.longestPx);
  const within = (centre: number, side: number, from: number, size: number): [from: number, size: number] => {
    const half = fieldPx === null ? 1 : fieldPx / 2 / side;
    const [low, high] = [centre - half, centre + half].map((edge) => clamp(from + clamp(edge, 0, 1) * size, 0, 1));
    return [low, high - low];
  };
  const [x, boxWidth] = within(place.x, width, seen.x, seen.width);
  const [y, boxHeight] = within(place.y, height, seen.y, seen.height);
  return { x, y, width: boxWidth, height: boxHeight };
}

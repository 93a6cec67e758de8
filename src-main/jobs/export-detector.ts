/** Exports the detector of a finished ranking to a new folder: an ONNX model, its threshold and input in `about.json`, and a ten-line example. */
import { sideStep } from '../compute/embed/patches.ts';
import type { Scorer } from '../compute/anomaly/index.ts';
import type { PortableDetector } from '../compute/portable/export-detector.ts';
import { WinnowError } from '../contract/errors.ts';
import { withoutMasks } from '../contract/folder-truth.ts';
import type { ExportModelRequest } from '../contract/schemas.ts';
import { trainedOn } from '../contract/train-on.ts';
import type { Run, Sample } from '../contract/types.ts';
import { placedThreshold } from '../workspace/placed-threshold.ts';
import type { Report } from '../workspace/report.ts';
import { runFolder } from '../workspace/runs.ts';
import type { JobContext } from './context.ts';
import { sidesOf } from './patches.ts';
import { placeModel } from './place-model.ts';
import { detectorOf } from './score.ts';

/** Returns the number of bytes written. Throws WinnowError. */
export async function exportDetector(
  context: JobContext,
  run: Run,
  { to, formats }: ExportModelRequest,
  report: Report,
): Promise<number> {
  const { runFolder: files, scorer } = detectorOf(run, runFolder(context.workspaceFolder, run.id));
  if (!formats.includes('onnx'))
    throw new WinnowError('bad-request', 'A detector is exported as ONNX only. Choose the format onnx.');
  return placeModel(context.folder, to, report, async () => {
    const threshold = placedThreshold(context, run, null);
    const metadata = {
      run: run.id,
      method: run.method,
      trainedAt: new Date(run.createdAt).toISOString(),
      ...(threshold.score !== null && { threshold: String(threshold.score) }),
    };
    const { sides, whose } = keepsAspect(scorer) ? usualSides(context, run, scorer) : { sides: null, whose: null };
    const { onnx, inputs, outputs } = await context.compute.call(
      'portableDetector',
      { runFolder: files, sides, metadata },
      { signal: report.signal },
    );
    const about = {
      schema: 'winnow/detector@2',
      ...metadata,
      threshold,
      parameters: run.parameters,
      inputs: Object.fromEntries(
        Object.entries(inputs).map(([name, { height, width }]) => [
          name,
          { shape: ['images', height, width, 3], values: 'RGB, 0..255', width, height, fit: 'stretch' },
        ]),
      ),
      outputs: Object.fromEntries(Object.entries(outputs).map(([name, shape]) => [name, ['images', ...shape]])),
    };
    return new Map<string, string | Uint8Array>([
      ['about.json', `${JSON.stringify(about, null, 1)}\n`],
      ['README.md', readme(run.id, scorer, { inputs, outputs }, whose)],
      ['model.onnx', onnx],
    ]);
  });
}

const meanings: Record<string, string> = {
  map: 'where it is anomalous, over the whole image',
  reconstruction: 'the image as the detector knows it, 0..1',
};

const keepsAspect = ({ inputs }: Scorer): boolean => inputs === 'patches' || inputs === 'features';

/**
 * The size, in whole steps, that most training images have at the longest side of the run; without any in the folder, most of its images. `whose`: in words; null if all
 * images of the folder have this size. Throws WinnowError `no-samples`.
 */
function usualSides(
  { table }: JobContext,
  run: Run,
  scorer: Scorer,
): { sides: [height: number, width: number]; whose: string | null } {
  const images = withoutMasks(table.samples());
  if (!images.length)
    throw new WinnowError(
      'no-samples',
      'There is no readable image in this folder, and their usual size is that of the exported detector. Export it from a folder with such images.',
    );
  const isTrained = trainedOn(run);
  const trained = images.filter(({ path }) => isTrained(path));
  const sizePx = scorer.sizePx(run.parameters) || sideStep;
  const count = (among: readonly Sample[]) => {
    const counts = new Map<string, { sides: [number, number]; count: number }>();
    for (const { height, width } of among) {
      const sides = sidesOf(height, width, sizePx);
      const entry = counts.get(sides.join()) ?? { sides, count: 0 };
      entry.count++;
      counts.set(sides.join(), entry);
    }
    return [...counts.values()].sort((a, b) => b.count - a.count);
  };
  const [{ sides }] = count(trained.length ? trained : images);
  if (count(images).length === 1) return { sides, whose: null };
  return { sides, whose: trained.length ? 'of most training images' : 'of most images of the folder' };
}

function readme(
  id: string,
  { gives }: Scorer,
  { inputs, outputs }: Pick<PortableDetector, 'inputs' | 'outputs'>,
  whose: string | null,
): string {
  const others = Object.keys(outputs).filter((name) => name !== 'score');
  return [
    `# ${id}`,
    '',
    `An anomaly detector, trained with Winnow. \`score\` is the ${gives.score.title}: higher is more anomalous; \`about.json\` has the threshold. Preprocessing: apply the EXIF orientation; the image is`,
    `stretched to ${Object.entries(inputs)
      .map(([name, { width, height }]) => `${width} × ${height} px for \`${name}\``)
      .join(' and ')}, as RGB with values 0..255, \`[images, height, width, 3]\`; normalization is part of the model.`,
    ...(whose
      ? [
          `That is the aspect ratio ${whose}. Winnow keeps the aspect ratio of each image, so it scores images with another one differently.`,
        ]
      : []),
    ...others.map((name) => `\`${name}\`: ${meanings[name] ?? name}.`),
    '',
    '## Python, ONNX',
    '',
    '```python',
    '# pip install onnxruntime pillow numpy',
    'import json, sys, numpy as np, onnxruntime',
    'from PIL import Image, ImageOps',
    "about = json.load(open('about.json'))",
    "threshold = about['threshold']['score']",
    "session = onnxruntime.InferenceSession('model.onnx')",
    "image = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert('RGB')",
    'pixels = lambda size: np.asarray(image.resize(size, Image.LANCZOS), dtype=np.float32)[None]',
    "feeds = {name: pixels((i['width'], i['height'])) for name, i in about['inputs'].items()}",
    "[[score]] = session.run(['score'], feeds)",
    "print(score, 'anomalous' if threshold is not None and score >= threshold else 'normal')",
    '```',
    '',
  ].join('\n');
}

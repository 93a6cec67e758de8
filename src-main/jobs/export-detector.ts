/** Exports the detector of a finished ranking to a new folder: an ONNX model, its threshold and input in `about.json`, and a ten-line example. */
import { sideStep } from '../compute/embed/patches.ts';
import type { Scorer } from '../compute/anomaly/index.ts';
import type { PortableDetector } from '../compute/portable/export-detector.ts';
import { WinnowError } from '../contract/errors.ts';
import { withoutMasks } from '../contract/folder-truth.ts';
import type { ExportModelRequest } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
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
    const { sides, isOne } = usualSides(context, scorer.sizePx(run.parameters) ?? 0);
    const { onnx, inputs, outputs } = await context.compute.call(
      'portableDetector',
      { runFolder: files, sides, metadata },
      { signal: report.signal },
    );
    const about = {
      schema: 'winnow/detector@1',
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
      ['README.md', readme(run.id, scorer, { inputs, outputs }, isOne)],
      ['model.onnx', onnx],
    ]);
  });
}

const meanings: Record<string, string> = {
  map: 'where it is anomalous, over the whole image',
  reconstruction: 'the image as the detector knows it, 0..1',
};

/** The size, in whole steps, that most images of the folder have at this longest side; `isOne` if all have it. */
function usualSides({ table }: JobContext, sizePx: number): { sides: [height: number, width: number]; isOne: boolean } {
  const counts = new Map<string, { sides: [number, number]; count: number }>();
  for (const { height, width } of withoutMasks(table.samples())) {
    const sides = sidesOf(height, width, sizePx || sideStep);
    const entry = counts.get(sides.join()) ?? { sides, count: 0 };
    entry.count++;
    counts.set(sides.join(), entry);
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
  return { sides: most.sides, isOne: counts.size === 1 };
}

function readme(
  id: string,
  { gives, inputs: kind }: Scorer,
  { inputs, outputs }: Pick<PortableDetector, 'inputs' | 'outputs'>,
  isOneSize: boolean,
): string {
  const others = Object.keys(outputs).filter((name) => name !== 'score');
  const keepsAspect = kind === 'patches' || kind === 'features';
  return [
    `# ${id}`,
    '',
    `An anomaly detector, trained with Winnow. \`score\` is the ${gives.score.title}: higher is more anomalous; \`about.json\` has the threshold. Preprocessing: apply the EXIF orientation; the image is`,
    `stretched to ${Object.entries(inputs)
      .map(([name, { width, height }]) => `${width} × ${height} px for \`${name}\``)
      .join(' and ')}, as RGB with values 0..255, \`[images, height, width, 3]\`; normalization is part of the model.`,
    ...(keepsAspect && !isOneSize
      ? [
          'That is the aspect ratio of most images of the folder. Winnow keeps the aspect ratio of each image, so it scores images with another one differently.',
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

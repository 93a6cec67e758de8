/** Exports the detector of a finished ranking to a new folder: an ONNX model, its threshold and input in `about.json`, and a ten-line example. */
import type { PortableDetector } from '../compute/portable/export-detector.ts';
import { WinnowError } from '../contract/errors.ts';
import type { ExportModelRequest } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
import { placedThreshold } from '../workspace/placed-threshold.ts';
import type { Report } from '../workspace/report.ts';
import { runFolder } from '../workspace/runs.ts';
import type { JobContext } from './context.ts';
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
    const { onnx, sizePx, outputs } = await context.compute.call(
      'portableDetector',
      { runFolder: files, metadata },
      { signal: report.signal },
    );
    const about = {
      schema: 'winnow/detector@1',
      ...metadata,
      threshold,
      parameters: run.parameters,
      input: { name: 'pixels', shape: ['images', sizePx, sizePx, 3], values: 'RGB, 0..255', sizePx, fit: 'stretch' },
      outputs: Object.fromEntries(Object.entries(outputs).map(([name, shape]) => [name, ['images', ...shape]])),
    };
    return new Map<string, string | Uint8Array>([
      ['about.json', `${JSON.stringify(about, null, 1)}\n`],
      ['README.md', readme(run.id, scorer.gives.score.title, { sizePx, outputs })],
      ['model.onnx', onnx],
    ]);
  });
}

const meanings: Record<string, string> = {
  map: 'where it is anomalous, over the whole image',
  reconstruction: 'the image as the detector knows it, 0..1',
};

function readme(id: string, score: string, { sizePx, outputs }: Pick<PortableDetector, 'sizePx' | 'outputs'>): string {
  const others = Object.keys(outputs).filter((name) => name !== 'score');
  return [
    `# ${id}`,
    '',
    `An anomaly detector, trained with Winnow. \`score\` is the ${score}: higher is more anomalous; \`about.json\` has the threshold. Preprocessing: apply the EXIF orientation; the image is stretched`,
    `to a square of ${sizePx} px, as RGB with values 0..255, \`[images, ${sizePx}, ${sizePx}, 3]\`; normalization is part of the model.`,
    ...others.map((name) => `\`${name}\`: ${meanings[name] ?? name}.`),
    '',
    '## Python, ONNX',
    '',
    '```python',
    '# pip install onnxruntime pillow numpy',
    'import json, sys, numpy as np, onnxruntime',
    'from PIL import Image, ImageOps',
    "about = json.load(open('about.json'))",
    "S, threshold = about['input']['sizePx'], about['threshold']['score']",
    "session = onnxruntime.InferenceSession('model.onnx')",
    "image = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert('RGB')",
    'pixels = np.asarray(image.resize((S, S), Image.LANCZOS), dtype=np.float32)[None]',
    "[[score]] = session.run(['score'], {'pixels': pixels})",
    "print(score, 'anomalous' if threshold is not None and score >= threshold else 'normal')",
    '```',
    '',
  ].join('\n');
}

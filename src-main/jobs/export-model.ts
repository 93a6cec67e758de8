/** Exports a classifier to a new folder: ONNX and TF.js models, the classes, the input transform, and a ten-line example for each format. */
import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { trainingFolder } from '../compute/run-files.ts';
import { WinnowError } from '../contract/errors.ts';
import type { ExportModelRequest } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
import { checkTarget } from '../file/target.ts';
import { writeAtomically } from '../file/write-atomically.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import type { Report } from '../workspace/report.ts';
import { toWinnowError, runFolder } from '../workspace/runs.ts';

export const exportModelJob: JobType<ExportModelRequest> = {
  kind: 'export-model',
  prepare(request, context) {
    const run = context.runs.get(request.runId);
    return {
      title: `Export ${run.id}`,
      async run(report) {
        const bytes = await exportModel(context, run, request, report);
        return `${run.id} is in ${request.to}, ${Math.ceil(bytes / 2 ** 20)} MiB`;
      },
    };
  },
};

/** Returns the number of bytes written. Throws WinnowError. */
export async function exportModel(
  { compute, folder, workspaceFolder }: JobContext,
  run: Run,
  { to, formats, fold }: ExportModelRequest,
  report: Report,
): Promise<number> {
  if (run.kind !== 'train' || run.state !== 'done' || !run.classification)
    throw new WinnowError('no-run', `${run.id} is not a finished classifier.`);
  const { folds, evaluation } = run.classification;
  if (fold > Math.max(1, folds))
    throw new WinnowError(
      'bad-request',
      `${run.id} has ${folds ? `${folds} folds` : 'one model'}: there is no ${fold}.`,
    );
  const target = await checkTarget(folder, to);
  const part = join(dirname(target), `.${basename(target)}.winnow-model`);
  if (existsSync(part) && !isOwn(part))
    throw new WinnowError(
      'target-not-empty',
      `${part} contains other files, in the place where the model is prepared. Move them, or choose another name.`,
    );
  report.stage('Converting', 0, 'files');
  const temperature = evaluation?.calibration.temperature ?? 1;
  const metadata = {
    run: run.id,
    model: run.method,
    trainedAt: new Date(run.createdAt).toISOString(),
    ...(evaluation && { accuracy: evaluation.accuracy.value.toFixed(4) }),
  };
  const { classes, transform, onnx, layers } = await compute
    .call(
      'portable',
      {
        runFolder: trainingFolder(runFolder(workspaceFolder, run.id), folds, fold - 1),
        formats,
        temperature,
        metadata,
      },
      { signal: report.signal },
    )
    .catch((error: unknown) => {
      throw toWinnowError(error);
    });
  const about = {
    schema: 'winnow/model@1',
    ...metadata,
    classes,
    transform,
    input: `[images, ${transform.cropPx}, ${transform.cropPx}, 3] float, RGB, 0..255`,
    outputs: ['logits', 'probabilities'],
    temperature,
  };
  const files = new Map<string, string | Uint8Array>([
    ['about.json', `${JSON.stringify(about, null, 1)}\n`],
    ['README.md', readme(run.id, transform, formats)],
    ...(onnx ? [['model.onnx', onnx] as const] : []),
    ...(layers
      ? [['tfjs/model.json', JSON.stringify(layers.model)] as const, ['tfjs/weights.bin', layers.weights] as const]
      : []),
  ]);
  try {
    await rm(part, { recursive: true, force: true });
    await mkdir(part, { recursive: true });
    report.stage('Writing', files.size, 'files');
    for (const [name, data] of files) {
      report.signal.throwIfAborted();
      await writeAtomically(join(part, name), data);
    }
    if (existsSync(target)) await rmdir(target); // it is empty
    await rename(part, target);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
  return [...files.values()].reduce((sum, data) => sum + Buffer.byteLength(data), 0);
}

/** The remains of an interrupted export. */
const isOwn = (part: string) =>
  lstatSync(part).isDirectory() &&
  readdirSync(part).every((name) => /^(about\.json|README\.md|model\.onnx|tfjs)/.test(name));

const fits: Record<string, { text: string; python: string; sharp: string }> = {
  stretch: {
    text: 'stretched to a square',
    python: 'image.resize((S, S), Image.LANCZOS)',
    sharp: ".resize(S, S, { fit: 'fill' })",
  },
  cover: { text: 'center-cropped', python: 'ImageOps.fit(image, (S, S), Image.LANCZOS)', sharp: '.resize(S, S)' },
  contain: {
    text: 'padded with black to a square',
    python: 'ImageOps.pad(image, (S, S), Image.LANCZOS)',
    sharp: ".resize(S, S, { fit: 'contain', background: '#000' })",
  },
};

function readme(
  id: string,
  { sizePx, cropPx, fit }: { sizePx: number; cropPx: number; fit: string },
  formats: readonly string[],
): string {
  const how = fits[fit];
  const margin = Math.floor((sizePx - cropPx) / 2);
  const [cropPython, cropSharp] =
    cropPx < sizePx
      ? [
          `.crop((${margin}, ${margin}, ${margin + cropPx}, ${margin + cropPx}))`,
          `.extract({ left: ${margin}, top: ${margin}, width: ${cropPx}, height: ${cropPx} })`,
        ]
      : ['', ''];
  const text = [
    `# ${id}`,
    '',
    `An image classifier, trained with Winnow. \`about.json\` lists its classes in the order of the outputs. Preprocessing: apply the EXIF orientation; the image is ${how.text} of ${sizePx} px${cropPx < sizePx ? `, then center-cropped to ${cropPx} px` : ''}, as RGB`,
    `with values 0..255, \`[images, ${cropPx}, ${cropPx}, 3]\`; normalization is part of the model. \`probabilities\` are calibrated.`,
    '',
  ];
  if (formats.includes('onnx')) {
    text.push(
      '## Python, ONNX',
      '',
      '```python',
      '# pip install onnxruntime pillow numpy',
      'import json, sys, numpy as np, onnxruntime',
      'from PIL import Image, ImageOps',
      `S = ${sizePx}`,
      "classes = json.load(open('about.json'))['classes']",
      "session = onnxruntime.InferenceSession('model.onnx')",
      "image = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert('RGB')",
      `pixels = np.asarray(${how.python}${cropPython}, dtype=np.float32)[None]`,
      "[probabilities] = session.run(['probabilities'], {'pixels': pixels})",
      'best = probabilities[0].argmax()',
      'print(classes[best], probabilities[0][best])',
      '```',
      '',
    );
  }
  if (formats.includes('tfjs')) {
    text.push(
      '## JavaScript, TF.js',
      '',
      '```js',
      '// npm install @tensorflow/tfjs-node sharp',
      "import tf from '@tensorflow/tfjs-node';",
      "import sharp from 'sharp';",
      "import { readFileSync } from 'node:fs';",
      `const S = ${sizePx};`,
      "const { classes } = JSON.parse(readFileSync('about.json', 'utf8'));",
      "const model = await tf.loadLayersModel('file://tfjs/model.json');",
      `const { data } = await sharp(process.argv[2]).autoOrient().flatten({ background: '#fff' })${how.sharp}${cropSharp}.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });`,
      `const [, probabilities] = model.predict(tf.tensor4d(Float32Array.from(data), [1, ${cropPx}, ${cropPx}, 3]));`,
      'const best = probabilities.argMax(-1).dataSync()[0];',
      'console.log(classes[best], probabilities.dataSync()[best]);',
      '```',
      '',
    );
  }
  return text.join('\n');
}

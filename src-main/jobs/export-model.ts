/** Exports a finished run to a new folder. A classifier: ONNX and TF.js models, the classes, the input transform, and a ten-line example for each format. */
import { trainingFolder } from '../compute/run-files.ts';
import { WinnowError } from '../contract/errors.ts';
import type { ExportModelRequest } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import type { Report } from '../workspace/report.ts';
import { runFolder } from '../workspace/runs.ts';
import { exportDetector } from './export-detector.ts';
import { placeModel } from './place-model.ts';

export const exportModelJob: JobType<ExportModelRequest> = {
  kind: 'export-model',
  prepare(request, context) {
    const run = context.runs.get(request.runId);
    return {
      title: `Export ${run.id}`,
      async run(report) {
        const bytes =
          run.kind === 'rank'
            ? await exportDetector(context, run, request, report)
            : await exportModel(context, run, request, report);
        return `${run.id} is in ${request.to}, ${Math.ceil(bytes / 2 ** 20)} MiB`;
      },
    };
  },
};

/** Exports a classifier. Returns the number of bytes written. Throws WinnowError. */
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
  return placeModel(folder, to, report, async () => {
    const temperature = evaluation?.calibration.temperature ?? 1;
    const metadata = {
      run: run.id,
      model: run.method,
      trainedAt: new Date(run.createdAt).toISOString(),
      ...(evaluation && { accuracy: evaluation.accuracy.value.toFixed(4) }),
    };
    const { classes, transform, onnx, layers } = await compute.call(
      'portable',
      {
        runFolder: trainingFolder(runFolder(workspaceFolder, run.id), folds, fold - 1),
        formats,
        temperature,
        metadata,
      },
      { signal: report.signal },
    );
    const about = {
      schema: 'winnow/model@1',
      ...metadata,
      classes,
      transform,
      input: `[images, ${transform.cropPx}, ${transform.cropPx}, 3] float, RGB, 0..255`,
      outputs: ['logits', 'probabilities'],
      temperature,
    };
    return new Map<string, string | Uint8Array>([
      ['about.json', `${JSON.stringify(about, null, 1)}\n`],
      ['README.md', readme(run.id, transform, formats)],
      ...(onnx ? [['model.onnx', onnx] as const] : []),
      ...(layers
        ? [['tfjs/model.json', JSON.stringify(layers.model)] as const, ['tfjs/weights.bin', layers.weights] as const]
        : []),
    ]);
  });
}

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

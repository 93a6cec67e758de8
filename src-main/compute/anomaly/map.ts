/** The reconstruction and error map of one image, from a run's model. The last model stays loaded: the loupe asks image after image. */
import fs from 'node:fs';
import { tf } from '../backend.ts';
import { uploadPixels } from '../ops/upload.ts';
import { Pixels } from '../pixels.ts';
import type { MapArgs, MapResult } from '../protocol.ts';
import { readBack } from '../read-back.ts';
import { modelFile } from '../run-files.ts';
import { readTensors } from '../tensor-file.ts';
import { errorMaps, type ErrorMeasure } from './error-map.ts';
import type { ModelHeader } from './fit.ts';
import { scorerOf } from './index.ts';
import type { Model } from './scorer.ts';

let loaded: { file: string; writtenMs: number; model: Model; measure: ErrorMeasure } | undefined;

export async function map({ runFolder, pixels: set }: MapArgs): Promise<MapResult> {
  const { model, measure } = modelOf(runFolder);
  const pixels = new Pixels(set);
  try {
    const [y, errors] = tf.tidy(() => {
      const x = uploadPixels(pixels.read(Int32Array.of(0)), 1, pixels.sizePx);
      const y = model.reconstruct(x);
      return [tf.mul(tf.clipByValue(y, 0, 1), 255), errorMaps(x, y, measure)];
    });
    const [reconstruction, errorMap] = await Promise.all([readBack(y), readBack(errors)]);
    return { sizePx: pixels.sizePx, reconstruction: Uint8Array.from(reconstruction, Math.round), map: errorMap };
  } finally {
    pixels.close();
  }
}

export function unload(): void {
  loaded?.model.dispose();
  loaded = undefined;
}

function modelOf(runFolder: string): { model: Model; measure: ErrorMeasure } {
  const file = modelFile(runFolder);
  const writtenMs = fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? NaN;
  if (loaded?.file === file && loaded.writtenMs === writtenMs) return loaded;
  const saved = readTensors<ModelHeader>(file);
  const ready = saved && scorerOf(saved.header.method)?.ready(saved.header.params);
  if (!saved || !ready) throw new Error('This run has no model to draw maps with.');
  unload();
  loaded = { file, writtenMs, model: ready.restore(saved.header.sizePx, saved.arrays), measure: ready.measure };
  return loaded;
}

/** ‘More like this’: writes the similarity of every image to a few selected ones as the column `alike`, computed from pretrained embeddings. */
import { setImmediate } from 'node:timers/promises';
import type { z } from 'zod';
import { usual } from '../compute/models/pretrained.ts';
import { WinnowError } from '../contract/errors.ts';
import type { similaritySchema } from '../contract/schemas.ts';
import { plural } from '../contract/words.ts';
import { floatBlocks } from '../rows/row-reader.ts';
import { embedSamples } from './embeddings.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import type { Report } from '../workspace/report.ts';

export const similarityJob: JobType<z.infer<typeof similaritySchema>> = {
  kind: 'alike',
  prepare: ({ ids }, context) => ({
    title: 'More like this',
    run: async (report) => `${plural(await writeSimilarity(context, ids, report), 'image')} compared`,
  }),
};

export const similarityColumn = 'alike';

/**
 * Writes the column: cosine similarity between an image's embedding and the mean direction of the selected ones, −1..1; 1 for a single selected image.
 * Returns the number of images. Throws `no-samples` if no selected image can be read.
 */
export async function writeSimilarity(context: JobContext, ids: readonly number[], report: Report): Promise<number> {
  using embedded = await embedSamples(context, context.table.samples(), report);
  const { samples, set } = embedded;
  const wanted = new Set(ids);
  const chosen = samples.filter(({ id }) => wanted.has(id));
  if (!chosen.length) throw new WinnowError('no-samples', 'None of these images can be read any more.');
  report.stage('Comparing', samples.length);
  const width = usual.last;
  const mean = new Float64Array(width);
  await walk(({ id }, direction) => {
    if (wanted.has(id)) direction.forEach((v, d) => (mean[d] += v));
  });
  const length = Math.hypot(...mean) || 1;
  const similarity = new Float64Array(samples.length);
  await walk((_, direction, i) => {
    for (let d = 0; d < width; d++) similarity[i] += (direction[d] * mean[d]) / length;
    report.progress(i + 1);
  });
  const [first] = chosen;
  const title = `Similar to ${first.path}${chosen.length > 1 ? ` and ${plural(chosen.length - 1, 'other')}` : ''}`;
  context.table.putColumn(
    similarityColumn,
    title,
    usual.id,
    samples.map(({ id }) => id),
    similarity,
  );
  return samples.length;

  /** Visits each embedding, scaled to unit length. Yields to the event loop between blocks. */
  async function walk(
    visit: (sample: (typeof samples)[number], direction: Float64Array, i: number) => void,
  ): Promise<void> {
    const direction = new Float64Array(width);
    for (const { from, values } of floatBlocks(set, width)) {
      for (let i = 0; i < values.length / width; i++) {
        let squares = 0;
        for (let d = 0; d < width; d++) squares += values[i * width + d] ** 2;
        const scale = 1 / (Math.sqrt(squares) || 1);
        for (let d = 0; d < width; d++) direction[d] = values[i * width + d] * scale;
        visit(samples[from + i], direction, from + i);
      }
      report.signal.throwIfAborted();
      await setImmediate();
    }
  }
}

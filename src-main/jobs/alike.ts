/** More like this: the likeness of every image to a few chosen ones, as the column `alike`, by what bundled weights know of them. */
import { setImmediate } from 'node:timers/promises';
import type { z } from 'zod';
import { usual } from '../compute/models/pretrained.ts';
import { WinnowError } from '../contract/errors.ts';
import type { alikeSchema } from '../contract/schemas.ts';
import { plural } from '../contract/words.ts';
import { floatBlocks } from '../rows/row-reader.ts';
import { embedSamples } from './embeddings.ts';
import type { JobContext } from './context.ts';
import type { JobType } from './job-type.ts';
import type { Report } from '../workspace/report.ts';

export const alikeJob: JobType<z.infer<typeof alikeSchema>> = {
  kind: 'alike',
  prepare: ({ ids }, context) => ({
    title: 'More like this',
    run: async (report) => `${plural(await findAlike(context, ids, report), 'image')} compared`,
  }),
};

export const alikeColumn = 'alike';

/**
 * Writes the column: the cosine between an image's embedding and the mean direction of the chosen, −1..1; 1 for the one chosen image. Returns how many images
 * have it. Throws `no-samples` where none of the chosen can be read.
 */
export async function findAlike(context: JobContext, ids: readonly number[], report: Report): Promise<number> {
  using embedded = await embedSamples(context, context.table.samples(), report);
  const { samples, set } = embedded;
  const wanted = new Set(ids);
  const chosen = samples.filter(({ id }) => wanted.has(id));
  if (!chosen.length) throw new WinnowError('no-samples', 'None of these images can be read any more.');
  report.stage('Comparing', samples.length);
  const width = usual.last;
  const middle = new Float64Array(width);
  await walk(({ id }, direction) => {
    if (wanted.has(id)) direction.forEach((v, d) => (middle[d] += v));
  });
  const length = Math.hypot(...middle) || 1;
  const likeness = new Float64Array(samples.length);
  await walk((_, direction, i) => {
    for (let d = 0; d < width; d++) likeness[i] += (direction[d] * middle[d]) / length;
    report.progress(i + 1);
  });
  const [first] = chosen;
  const title = `Like ${first.path}${chosen.length > 1 ? ` and ${plural(chosen.length - 1, 'other')}` : ''}`;
  context.table.putColumn(
    alikeColumn,
    title,
    usual.id,
    samples.map(({ id }) => id),
    likeness,
  );
  return samples.length;

  /** Each image's embedding, brought to length 1. Doors are answered between blocks. */
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

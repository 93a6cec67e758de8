/**
 * Writes the explanations of many images. Each becomes a NumPy file, `<path>.npy`, float32 [height, width] of the size of its image (at most 2,048 px along the
 * longest side), and a picture, `<path>.png`: the map over the image. An image that has no map is in the list with the reason.
 */
import { methodOf, methods } from '../compute/inside/methods/index.ts';
import { WinnowError } from '../contract/errors.ts';
import type { ExplainedFiles } from '../contract/export-types.ts';
import { largestOf, smallestOf } from '../contract/numbers.ts';
import { limitedSize, resample } from '../contract/resample.ts';
import type { ExplainFilesRequest } from '../contract/schemas.ts';
import { plural } from '../contract/words.ts';
import { npyBytes } from '../file/npy.ts';
import { OutputFolder } from '../file/output-folder.ts';
import { drawHeatMap } from '../image/heat-map.ts';
import { withImage } from '../image/scanned.ts';
import { selectSamples } from '../workspace/edits.ts';
import { readSource } from '../workspace/read-source.ts';
import { explainImage, reasonWithoutMap } from './inside-explain.ts';
import { resolveSubject, sampleOf } from './inside-subject.ts';
import type { JobType } from './job-type.ts';

const longestPx = 2048;

/** `keep` receives the result. */
export const explainFilesJob = (
  keep: (jobId: number, result: ExplainedFiles) => void,
): JobType<ExplainFilesRequest> => ({
  kind: 'explain',
  prepare({ choice, to, ...question }, context) {
    const method = methodOf(question.method);
    if (!method)
      throw new WinnowError(
        'bad-request',
        `There is no method ‘${question.method}’. Methods: ${methods.map(({ id }) => id).join(', ')}.`,
      );
    resolveSubject(context, question.run);
    const ids = selectSamples(
      choice,
      () => context.table.samples(),
      () => readSource(context),
    );
    if (!ids.length) throw new WinnowError('nothing-to-do', 'No image matches.');
    const samples = ids.map((id) => sampleOf(context, id));
    const output = new OutputFolder(to, [context.folder], 'The folder for explanations');
    return {
      title: `${method.title} of ${plural(samples.length, 'image')} by ${question.run}`,
      async run(report, jobId) {
        await output.check(samples.flatMap(({ path }) => [`${path}.npy`, `${path}.png`]));
        report.stage('Explaining', samples.length);
        const result: ExplainedFiles = {
          run: question.run,
          method: method.id,
          layer: null,
          to: output.path,
          samples: [],
        };
        const written: ExplainedFiles['samples'][number][] = [];
        let [failed, reason] = [0, ''];
        for (const [i, sample] of samples.entries()) {
          report.signal.throwIfAborted();
          try {
            const { header, map } = await explainImage(
              context,
              { ...question, sampleId: sample.id },
              { signal: report.signal },
            );
            const { width, height } = limitedSize(sample, longestPx);
            const values = resample(map, header.rows, header.columns, height, width);
            const file = `${sample.path}.npy`;
            await output.write(file, npyBytes(values, [height, width]));
            const picture = await withImage(context.folder, sample, (image) =>
              drawHeatMap(image, values, width, height, method.isSigned),
            );
            await output.write(`${sample.path}.png`, picture);
            const { target, note } = header;
            const [min, max] = [smallestOf(values, Infinity), largestOf(values)];
            written.push({ path: sample.path, target, file, width, height, min, max, note });
            result.layer = header.layer;
          } catch (error) {
            reason = reasonWithoutMap(error);
            failed++;
            written.push({ ...nothing, path: sample.path, note: reason });
          }
          report.progress(i + 1);
        }
        // A reason that holds for all images, such as a wrong name of a class, is an error.
        if (failed === samples.length) throw new WinnowError('bad-request', reason);
        keep(jobId, { ...result, samples: written });
        return `${plural(samples.length - failed, 'map')} written to ${output.path}${failed ? `, ${plural(failed, 'image')} without a map` : ''}`;
      },
    };
  },
});

const nothing = { target: '', file: null, width: 0, height: 0, min: 0, max: 0 };

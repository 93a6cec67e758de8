/** What `rank` and `train` report alike of their run. */
import { backendTitles } from '../contract/machine.ts';
import type { Issue, Run } from '../contract/types.ts';
import { duration, say, type OutputOptions } from './output.ts';

/** How it ran, as fields of the JSON output. */
export const conditionsOf = ({ backend, device, seed, seconds, imagesPerSecond, peakMemoryMiB, parameters }: Run) => ({
  backend,
  device,
  seed,
  seconds,
  imagesPerSecond,
  peakMemoryMiB,
  parameters,
});

/** `images`: what it was trained on, in words. */
export function sayRun(options: OutputOptions, run: Run, images: string, issues: readonly Issue[]) {
  const rate = run.imagesPerSecond ? `, ${Math.round(run.imagesPerSecond)} images/s` : '';
  say(
    options,
    `${run.id}: trained on ${images} in ${duration(run.seconds ?? 0)}${rate}, on ${backendTitles[run.backend as keyof typeof backendTitles]}.`,
  );
  for (const note of run.notes) say(options, note);
  if (issues.length)
    say(
      options,
      `${issues.length} ${issues.length === 1 ? 'file' : 'files'} could not be read; \`scan --json -\` lists them.`,
    );
}

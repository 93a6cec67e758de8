/** `export FOLDER --to DIR`: copies of what is not rejected, with a manifest. */
import { resolve } from 'node:path';
import { WinnowError } from '../contract/errors.ts';
import type { ExportPlan } from '../contract/types.ts';
import type { Door } from '../door/client.ts';
import { follow, say, writeJson, type OutputOptions } from './output.ts';

export interface ExportOptions extends OutputOptions {
  to: string;
  drop?: string;
  dryRun?: boolean;
}

export async function exportCommand(door: Door, options: ExportOptions): Promise<void> {
  const request = { to: resolve(options.to), drop: options.drop ?? null }; // resolved here, since the engine may run elsewhere
  const plan = await door.calls.exports.plan.query(request);
  if (options.dryRun) {
    say(options, `Would copy ${planSentence(plan)} to ${plan.to}. Nothing was written.`);
    writeJson(options, { schema: 'winnow/export@1', dryRun: true, ...plan, failed: [] });
    return;
  }
  const job = await follow(door, options, () => door.calls.exports.start.mutate(request));
  const result = await door.calls.exports.result.query({ jobId: job.id });
  if (!result) throw new WinnowError('failed', 'The export ended without a result.');
  say(options, `Copied ${planSentence(result)} to ${result.to}, with manifest.csv and manifest.json.`);
  for (const issue of result.failed) say(options, `  not copied: ${issue.path}: ${issue.message}`);
  writeJson(options, { schema: 'winnow/export@1', dryRun: false, ...result });
  if (result.failed.length) throw new WinnowError('failed', `${result.failed.length} of ${result.copied + result.failed.length} files could not be copied.`);
}

function planSentence(plan: ExportPlan): string {
  const n = (value: number) => value.toLocaleString('en');
  return `${n(plan.copied)} images, ${(plan.bytes / 2 ** 20).toFixed(1)} MiB (${n(plan.kept)} kept, ${n(plan.undecided)} undecided, ${n(plan.unsure)} unsure; `
    + `left out: ${n(plan.rejected)} rejected${plan.dropped ? `, ${n(plan.dropped)} dropped` : ''}${plan.unreadable ? `, ${n(plan.unreadable)} unreadable` : ''})`;
}

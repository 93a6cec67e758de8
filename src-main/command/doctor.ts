/** `doctor`: lists the components of this installation and the command that repairs each. */
import { examine } from '../doctor/doctor.ts';
import { checkJson, exitCodes, writeJson, type OutputOptions } from './output.ts';

const marks = { ready: '✓', optional: '·', missing: '✗', broken: '✗' } as const;

export async function doctorCommand(options: OutputOptions): Promise<number> {
  checkJson(options);
  const components = await examine();
  writeJson(options, { schema: 'winnow/doctor@1', components });
  if (!options.quiet && options.json !== '-') {
    for (const { state, title, version, detail, mend } of components) {
      process.stdout.write(`${marks[state]} ${title.padEnd(25)} ${(version ?? '').padEnd(14)} ${detail}\n`);
      if (mend && state !== 'ready') process.stdout.write(`  ${' '.repeat(25)} fix: ${mend}\n`);
    }
  }
  return components.some(({ state }) => state === 'broken' || state === 'missing') ? exitCodes.failed : exitCodes.done;
}

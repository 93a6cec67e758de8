/** Which errors are Winnow's own faults, and which are those of a file. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { loadLibrary, ownFault } from '../../src-main/file/fault.ts';

const fault = new URL('../../src-main/file/fault.ts', import.meta.url).href;
const said = ['vips_tracked: out of memory --- size == 48MB', 'std::bad_alloc', 'Array buffer allocation failed'];

test('a library that says it has no memory is not believed while there is some: it may speak of another file, or of a damaged size', () => {
  for (const text of said) expect(ownFault(new Error(text))).toBeNull();
});

test.runIf(process.platform === 'linux')('it is believed when there is none', () => {
  const script = `import { ownFault } from ${JSON.stringify(fault)};
    for (const text of ${JSON.stringify([...said, 'Input buffer has corrupt header'])}) console.log(ownFault(new Error(text))?.code ?? null);`;
  const { stdout } = spawnSync(
    'bash',
    ['-c', `ulimit -v 2000000; exec "$0" --input-type=module -e "$1"`, process.execPath, script],
    { encoding: 'utf8' },
  );
  expect(stdout).toBe('out-of-memory\nout-of-memory\nout-of-memory\nnull\n');
});

test('a library that cannot be loaded is a fault of ours, whatever the reason', async () => {
  const load = (fail: () => never) => loadLibrary('some-codec', fail).then(() => null, String);
  const broken = () => {
    throw new WebAssembly.CompileError('expected magic word');
  };
  const gone = () => {
    throw Object.assign(new Error('ENOENT: no such file or directory'), { code: 'ENOENT', syscall: 'open' });
  };
  for (const fail of [broken, gone])
    expect(await load(fail)).toMatch(/^WinnowError: The library ‘some-codec’ is missing or cannot be loaded\./);
  const error = await import('a-library-that-is-not-installed' as string).catch((reason: unknown) => reason);
  expect(ownFault(error)?.message).toMatch(/^The library ‘a-library-that-is-not-installed’ is missing/);
});

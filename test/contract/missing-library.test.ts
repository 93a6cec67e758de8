/** A missing or broken library: a message that names it and how to repair it, and exit code 1; `doctor` also reports the other components. */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { root } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';

const guard = pathToFileURL(join(root, 'src-main', 'missing.mjs')).href;
const cli = join(root, 'src-main', 'cli.ts');

function node(
  args: string[],
  variables: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    env: { ...process.env, WINNOW_DATA: temporaryFolder('missing'), ...variables },
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((tell) => child.once('close', (code) => tell({ code, out, err })));
}

/** Simulates a missing library: every import of it fails. */
function without(library: string): string {
  const file = join(temporaryFolder('missing'), 'without.mjs');
  writeFileSync(
    file,
    `import { registerHooks } from 'node:module';
registerHooks({ resolve: (name, context, next) => (name === '${library}' || name.startsWith('${library}/') ? next('${library}-that-is-not-installed', context) : next(name, context)) });`,
  );
  return pathToFileURL(file).href;
}
const message = (library: string) =>
  new RegExp(
    `^The library ‘${library}’ is missing or cannot be loaded\\. Install the libraries again: npm ci\\. Then check for other problems: npm start -- doctor\\n$`,
  );

describe('a library that is missing', () => {
  test.each(['zod', 'commander', 'sharp'])('%s: a message, exit 1, no stack', async (library) => {
    const { code, out, err } = await node(['--import', guard, '--import', without(library), cli, 'scan', '/nowhere']);
    expect({ code, out, err }).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(message(`${library}-that-is-not-installed`)),
    });
  });

  test.each([
    ['libheif-js', 'heic/whole.heic'],
    ['jxl-oxide-wasm', 'formats/gray.jxl'],
    ['parse-exr', 'formats/none-half.exr'],
    ['@cornerstonejs/codec-charls', 'formats/gray.jls'],
    ['lerc', 'tiff/gray-f4-lerc.tif'],
  ])('%s: it is not the image that is damaged', async (library, image) => {
    const folder = temporaryFolder('missing');
    copyFileSync(join(root, 'test', 'fixtures', image), join(folder, basename(image)));
    // The variable reaches the processes and threads that read images.
    const { code, err } = await node([cli, 'scan', folder, '--quiet'], {
      NODE_OPTIONS: `--import=${without(library)}`,
    });
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(message(`${library}-that-is-not-installed`)),
    });
  });

  test('doctor reports it too, with the other components', async () => {
    const { code, out, err } = await node(['--import', guard, '--import', without('zod'), cli, 'doctor']);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(message('zod-that-is-not-installed')) });
    expect(out).toMatch(/database \(SQLite\)/);
    expect(out).toMatch(/native TensorFlow/);
  });

  test('an invalid native library is named', async () => {
    const folder = temporaryFolder('missing');
    const library = join(folder, 'node_modules', 'picture-reader');
    mkdirSync(library, { recursive: true });
    writeFileSync(join(library, 'reader.node'), 'not a library');
    writeFileSync(join(folder, 'entry.cjs'), "require('./node_modules/picture-reader/reader.node')");
    const { code, err } = await node(['--import', guard, join(folder, 'entry.cjs')]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(message('picture-reader')) });
  });

  test('another error keeps its stack trace', async () => {
    const file = join(temporaryFolder('missing'), 'entry.mjs');
    writeFileSync(file, "throw new TypeError('a fault of our own')");
    const { code, err } = await node(['--import', guard, file]);
    expect(code).toBe(1);
    expect(err).toMatch(/TypeError: a fault of our own\n\s+at /);
  });
});

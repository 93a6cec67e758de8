/** The import rules of ARCHITECTURE.md, checked against the sources. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..', '..');
const files = ['src-main', 'src-renderer']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  )
  .filter((file) => /\.(ts|mjs|svelte)$/.test(file) && !file.endsWith('.d.ts'))
  .map((file) => file.replaceAll('\\', '/'));

interface Import {
  from: string;
  to: string;
  isType: boolean;
}
const imports: Import[] = files.flatMap((from) => {
  const text = readFileSync(join(root, from), 'utf8');
  const found = [
    ...text.matchAll(
      /^\s*(?:import|export)\s+(type\s+)?[^'"`;()]*?from\s+'([^']+)'|(?<!typeof |\{ ?)import\('([^']+)'\)/gm,
    ),
  ];
  return found.map(([, type, fixed, dynamic]) => {
    const name = fixed ?? dynamic;
    return {
      from,
      to: name.startsWith('.') ? relative(root, resolve(root, dirname(from), name)).replaceAll('\\', '/') : name,
      isType: Boolean(type),
    };
  });
});
const onlyIn = (library: RegExp, places: RegExp) =>
  imports
    .filter(({ from, to, isType }) => !isType && library.test(to) && !places.test(from))
    .map(({ from, to }) => `${from} imports ${to}`);

/** The folders of src-main from the lowest layer up, then the files next to them. Each imports only from itself and from lower layers. */
const layers = [
  'contract',
  'setup', // plain JavaScript: it runs before the libraries are installed
  'file',
  'native',
  'duplicate',
  'image',
  'check',
  'rows',
  'compute', // a separate process: higher layers import its types, its records and `child.ts`
  'doctor',
  'workspace',
  'jobs',
  'export',
  'engine',
  'door',
  'command',
  'shell',
  '',
];
const layerOf = (file: string): number => layers.indexOf(/^src-main\/(?:([^/]+)\/)?/.exec(file)?.[1] ?? '');

/** Import cycles of any length. */
function circles(): string[][] {
  const next = Map.groupBy(
    imports.filter(({ isType }) => !isType),
    ({ from }) => from,
  );
  const found: string[][] = [];
  const done = new Set<string>();
  const follow = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file]);
    if (done.has(file)) return;
    done.add(file);
    for (const { to } of next.get(file) ?? []) follow(to, [...path, file]);
  };
  for (const file of files) follow(file, []);
  return found;
}

describe('import rules', () => {
  test('each folder imports only lower layers, including types', () => {
    const inside = imports.filter(({ from, to }) => from.startsWith('src-main/') && to.startsWith('src-main/'));
    expect(inside.filter(({ from }) => layerOf(from) < 0).map(({ from }) => from)).toEqual([]);
    expect(
      inside.filter(({ from, to }) => layerOf(to) > layerOf(from)).map(({ from, to }) => `${from} imports ${to}`),
    ).toEqual([]);
  });
  test('no files import each other in a circle', () => expect(circles()).toEqual([]));
  test('finds the imports', () => expect(imports.length).toBeGreaterThan(100));
  test('only image/ and export/ import sharp', () =>
    expect(onlyIn(/^sharp$/, /^src-main\/(image|export)\//)).toEqual([]));
  test('only compute/ imports tfjs and WebGPU', () =>
    expect(onlyIn(/^(@tensorflow|webgpu)/, /^src-main\/(compute|doctor)\//)).toEqual([]));
  test('the engine imports only types from the calls of the compute process', () =>
    expect(
      imports
        .filter(
          ({ from, to, isType }) => !isType && to === 'src-main/compute/calls.ts' && from !== 'src-main/compute.ts',
        )
        .map(({ from }) => from),
    ).toEqual([]));
  test('only app.ts and preload.ts import Electron', () =>
    expect(onlyIn(/^electron$/, /^src-main\/(app|preload)\.ts$|^src-main\/setup\/electron-loader\.mjs$/)).toEqual([]));
  test('the contract imports nothing of the engine', () => {
    expect(
      imports.filter(
        ({ from, to }) =>
          from.startsWith('src-main/contract/') && to.startsWith('src-main/') && !to.startsWith('src-main/contract/'),
      ),
    ).toEqual([]);
  });
  test('the page imports only the contract', () => {
    expect(
      imports.filter(
        ({ from, to }) =>
          from.startsWith('src-renderer/') && to.startsWith('src-main/') && !to.startsWith('src-main/contract/'),
      ),
    ).toEqual([]);
  });
  test('the page loads no schemas: zod compiles code from text, which the content security policy forbids', () => {
    expect(
      imports.filter(
        ({ from, to, isType }) =>
          from.startsWith('src-renderer/') && !isType && /^src-main\/contract\/(schemas|router)\.ts$/.test(to),
      ),
    ).toEqual([]);
    expect(
      imports.filter(
        ({ from, to, isType }) =>
          /^src-main\/contract\/(read|expression|keep-best|marks|words|address|types)\.ts$/.test(from) &&
          !isType &&
          /schemas|zod/.test(to),
      ),
    ).toEqual([]);
  });
  test.each([
    ['compute/anomaly', 'scorer.ts', 3],
    ['compute/models', 'model.ts', 7],
    ['compute/augment', 'operation.ts', 18],
    ['check', 'check.ts', 10],
    ['export', 'format.ts', 5],
  ])('the records of %s do not import each other', (folder, type, least) => {
    const records = imports
      .filter(({ from }) => from === `src-main/${folder}/index.ts`)
      .map(({ to }) => to)
      .filter((to) => !to.endsWith(`/${type}`));
    expect(records.length).toBeGreaterThanOrEqual(least);
    expect(imports.filter(({ from, to }) => records.includes(from) && records.includes(to))).toEqual([]);
  });
  test('the page imports records of actions and places only through registry and view, so that records may import panels', () => {
    const isRecord = /^src-renderer\/(places\/|actions\/(?!registry\.ts|action\.ts))/;
    expect(
      imports.filter(
        ({ from, to }) => /^src-renderer\/(panels|components|state|lib|charts)\//.test(from) && isRecord.test(to),
      ),
    ).toEqual([]);
  });
  test('no file is too long', () => {
    const long = files.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 401);
    expect(long).toEqual([]);
  });
  test('the files that ARCHITECTURE.md names exist', () => {
    const named = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').matchAll(
      /`([\w./-]+\.(?:ts|mjs|py|md|svelte))`/g,
    );
    const places = ['', 'src-main', 'src-main/compute', 'src-main/contract', 'src-main/image', 'src-renderer'];
    const missing = [...named]
      .map(([, name]) => name)
      .filter((name) => !places.some((place) => existsSync(join(root, place, name))));
    expect(missing).toEqual([]);
  });
  test('the tests that the table of kinds names exist', () => {
    const table = readFileSync(join(root, 'test', 'fixtures', 'kinds.md'), 'utf8');
    const named = [...table.matchAll(/`((?:unit|contract)\/[\w-]+)`/g)].map(([, name]) => name);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !existsSync(join(root, 'test', `${name}.test.ts`)))).toEqual([]);
  });
});

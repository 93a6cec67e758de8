/**
 * Unit and contract tests. Processes, not threads: TensorFlow's native library belongs to one process, and a crash of
 * it must not take the others along.
 */
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { compileModule } from 'svelte/compiler';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** State with runes, compiled as a browser gets it. Components are left out: end-to-end tests draw them. */
const pageState: Plugin = {
  name: 'page-state',
  enforce: 'pre',
  transform(code, id) {
    if (id.endsWith('.svelte')) return 'export default () => undefined;';
    if (id.endsWith('.svelte.ts'))
      return compileModule(stripTypeScriptTypes(code), { filename: id, generate: 'client', dev: false }).js;
  },
};
/** Without a browser, Svelte would be resolved to its server half, in which nothing reacts. */
const inBrowser = (name: string) => ({
  find: new RegExp(`^svelte${name}$`),
  replacement: fileURLToPath(import.meta.resolve(`svelte/package.json`)).replace(
    'package.json',
    `src${name}/index-client.js`,
  ),
});

const config = defineConfig({
  plugins: [pageState],
  resolve: { alias: ['', '/reactivity'].map(inBrowser) },
  test: {
    include: ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2, // most of the time goes by in processes that start and that use one core
    globalSetup: ['./test/fixtures/temporary.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    server: { deps: { inline: [/@lucide/] } }, // icons of places are components
    env: { TF_CPP_MIN_LOG_LEVEL: '2' },
  },
});

export default config; // Vitest reads a default export

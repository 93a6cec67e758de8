/**
 * End-to-end tests: the same files run once through the window (WINNOW_DOOR=electron) and once through the browser
 * (WINNOW_DOOR=browser), one file at a time, because each starts a whole Winnow.
 */
import { defineConfig } from 'vitest/config';

const config = defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    pool: 'forks',
    globalSetup: ['./test/fixtures/temporary.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } }, // a poll may ask the command line, which takes a second to start
  },
});

export default config; // Vitest reads a default export

/**
 * Unit and contract tests. Processes, not threads: TensorFlow's native library belongs to one process, and a crash of
 * it must not take the others along.
 */
import { defineConfig } from 'vitest/config';

const config = defineConfig({
  test: {
    include: ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2, // most of the time goes by in processes that start and that use one core
    globalSetup: ['./test/fixtures/temporary.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    env: { TF_CPP_MIN_LOG_LEVEL: '2' },
  },
});

export default config; // Vitest reads a default export

/**
 * All tests, in four projects: `unit`, `contract`, and the end-to-end tests twice, in the `window` (Electron) and in the
 * `browser` (Chromium). Tests run in processes instead of threads, since TensorFlow's native library cannot be shared
 * and its crash must not affect other tests.
 */
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { clientSvelte, pageState } from './test/fixtures/page-state.ts';
import { LongestFirst } from './test/fixtures/sequence.ts';
import { electronPath } from './src-main/setup/pieces/electron.mjs';

/** Test files run in parallel, so each uses one thread. */
const oneThread = { TF_CPP_MIN_LOG_LEVEL: '2', TF_NUM_INTRAOP_THREADS: '1', WINNOW_THREADS: '1' };

const project = (name: string, folder: string, env: Record<string, string>, timeoutMs = 240_000) => ({
  plugins: [pageState],
  resolve: { alias: clientSvelte },
  test: {
    name,
    pool: 'forks' as const,
    include: [`test/${folder}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    retry: folder === 'e2e' ? 1 : 0, // the report names tests that passed at the second attempt
    expect: { poll: { timeout: 20_000 } }, // a poll may run the command line, which takes a second to start
    server: { deps: { inline: [/@lucide/] } }, // the icons of places are components
    env: { ...oneThread, ...env },
  },
});

const config = defineConfig({
  test: {
    // Tests spend much of their time waiting for other processes and for the page.
    maxWorkers: Math.min(6, availableParallelism() + 2),
    globalSetup: ['./test/fixtures/temporary.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      // Unit tests test the thread pool of our own kernels, so they keep its threads.
      project('unit', 'unit', { ...softwareVulkan(), WINNOW_THREADS: '' }),
      project('contract', 'contract', softwareVulkan()),
      project('window', 'e2e', { WINNOW_DOOR: 'electron' }),
      project('browser', 'e2e', { WINNOW_DOOR: 'browser' }),
    ],
  },
});

/**
 * Electron includes a software Vulkan driver, with which the WebGPU tests run on machines without a graphics card.
 */
function softwareVulkan(): Record<string, string> {
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES } = process.env;
  const driver = join(dirname(electronPath() ?? '/'), 'vk_swiftshader_icd.json');
  const hasOther = VK_ICD_FILENAMES || VK_DRIVER_FILES || existsSync('/usr/share/vulkan/icd.d');
  return process.platform === 'linux' && !hasOther && existsSync(driver) ? { VK_ICD_FILENAMES: driver } : {};
}

export default config; // Vitest reads a default export

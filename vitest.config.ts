/**
 * Every test, in four projects: `unit`, `contract`, and the end-to-end tests twice, through the `window` and through
 * the `browser`. Processes, not threads: TensorFlow's native library belongs to one process, and a crash of it must
 * not take the others along.
 */
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { clientSvelte, pageState } from './test/fixtures/page-state.ts';
import { LongestFirst } from './test/fixtures/sequence.ts';
import { electronPath } from './src-main/setup/pieces/electron.mjs';

/** Test files run beside each other: more threads than cores would only wait for each other. */
const oneThread = { TF_CPP_MIN_LOG_LEVEL: '2', TF_NUM_INTRAOP_THREADS: '1', WINNOW_THREADS: '1' };

const project = (name: string, folder: string, env: Record<string, string>, timeoutMs = 120_000) => ({
  plugins: [pageState],
  resolve: { alias: clientSvelte },
  test: {
    name,
    pool: 'forks' as const,
    include: [`test/${folder}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    expect: { poll: { timeout: 20_000 } }, // a poll may ask the command line, which takes a second to start
    server: { deps: { inline: [/@lucide/] } }, // icons of places are components
    env: { ...oneThread, ...env },
  },
});

const config = defineConfig({
  test: {
    // A test waits for processes that it started about a third of its time.
    maxWorkers: Math.min(4, availableParallelism() + 1),
    globalSetup: ['./test/fixtures/temporary.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      // The pool of the own kernels keeps its threads: the unit tests are the ones that hold it to its promise.
      project('unit', 'unit', { ...softwareVulkan(), WINNOW_THREADS: '' }),
      project('contract', 'contract', softwareVulkan()),
      project('window', 'e2e', { WINNOW_DOOR: 'electron' }, 180_000),
      project('browser', 'e2e', { WINNOW_DOOR: 'browser' }, 180_000),
    ],
  },
});

/**
 * Electron brings a Vulkan driver that draws on the processor: with it the tests of WebGPU run on a machine without a
 * graphics card.
 */
function softwareVulkan(): Record<string, string> {
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES } = process.env;
  const driver = join(dirname(electronPath() ?? '/'), 'vk_swiftshader_icd.json');
  const hasOther = VK_ICD_FILENAMES || VK_DRIVER_FILES || existsSync('/usr/share/vulkan/icd.d');
  return process.platform === 'linux' && !hasOther && existsSync(driver) ? { VK_ICD_FILENAMES: driver } : {};
}

export default config; // Vitest reads a default export

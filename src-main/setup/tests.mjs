/**
 * `npm test`: the type check, the unit and contract tests, and the same end-to-end tests through both doors, the
 * window and the browser. The last line adds them up, `N passed, N failed`; the type check counts as one test.
 * `npm test -- unit`, `-- e2e` and `-- types` run a part; what follows goes on to Vitest.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { passThrough } from './child.mjs';
import { browserPath } from './pieces/browser.mjs';
import { electronPath } from './pieces/electron.mjs';
import { hasDisplay } from './pieces/screen.mjs';
import { inModules, root } from './repository.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */

const parts = ['types', 'unit', 'e2e'];

/** @returns {Promise<number>} exit code */
export async function checkTypes(/** @type {string} */ node, /** @type {NodeJS.ProcessEnv} */ env) {
  const code = await passThrough(
    node,
    [inModules('typescript', 'bin', 'tsc'), '--noEmit', '--project', join(root, 'tsconfig.json')],
    { cwd: root, env },
  );
  const checked = await passThrough(
    node,
    [
      inModules('svelte-check', 'bin', 'svelte-check'),
      '--tsconfig',
      './tsconfig.json',
      '--output',
      'human',
      '--threshold',
      'error',
    ],
    { cwd: root, env },
  );
  return code || checked;
}

/**
 * @param {string} node @param {string[]} args @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} exit code
 */
export async function runTests(node, args, env) {
  const chosen = parts.includes(args[0]) ? [args[0]] : parts;
  const extra = parts.includes(args[0]) ? args.slice(1) : args;
  const reports = mkdtempSync(join(tmpdir(), 'winnow-tests-'));
  const counts = /** @type {Count[]} */ ([]);
  const tests = { ...env, WINNOW_ELECTRON: electronPath() ?? '', WINNOW_BROWSER: browserPath() ?? '' };
  /** @param {string} title @param {string} config @param {Record<string, string>} more */
  const vitest = async (title, config, more, onScreen = false) => {
    say(title);
    const report = join(reports, `${counts.length}.json`);
    const command = [
      node,
      inModules('vitest', 'vitest.mjs'),
      'run',
      '--config',
      config,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      '--passWithNoTests',
      ...extra,
    ];
    if (onScreen && !hasDisplay()) command.unshift('xvfb-run', '-a', '-s', '-screen 0 1600x1000x24');
    const code = await passThrough(command[0], command.slice(1), { cwd: root, env: { ...tests, ...more } });
    counts.push(countOf(code, existsSync(report) ? readFileSync(report, 'utf8') : null));
  };
  try {
    if (chosen.includes('types')) {
      say('Type check');
      const code = await checkTypes(node, env);
      counts.push({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 });
    }
    if (chosen.includes('unit')) await vitest('Unit and contract tests', 'vitest.config.ts', softwareVulkan(env));
    if (chosen.includes('e2e')) {
      if (hasTests(join(root, 'test', 'e2e'))) {
        await vitest('End to end, through the window', 'test/e2e/vitest.config.ts', { WINNOW_DOOR: 'electron' }, true);
        await vitest('End to end, through the browser', 'test/e2e/vitest.config.ts', { WINNOW_DOOR: 'browser' });
      } else say('End to end: there are no tests in test/e2e yet');
    }
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
  const sum = addUp(counts);
  process.stdout.write(`\n${lineOf(sum)}\n`);
  if (sum.passed + sum.failed === 0) process.stderr.write('No test ran.\n');
  return sum.failed > 0 || sum.passed === 0 ? 1 : 0;
}

/**
 * Electron brings a Vulkan driver that draws on the processor: with it the tests of WebGPU run on a machine without a
 * graphics card.
 * @returns {Record<string, string>}
 */
function softwareVulkan(/** @type {NodeJS.ProcessEnv} */ env) {
  const driver = join(dirname(electronPath() ?? '/'), 'vk_swiftshader_icd.json');
  const hasOther = env.VK_ICD_FILENAMES || env.VK_DRIVER_FILES || existsSync('/usr/share/vulkan/icd.d');
  return process.platform === 'linux' && !hasOther && existsSync(driver) ? { VK_ICD_FILENAMES: driver } : {};
}

/**
 * @param {number} code Vitest's exit code @param {string | null} report its JSON report
 * @returns {Count} a run that failed without a failed test (a file that does not load, a crash) counts as one failure
 */
export function countOf(code, report) {
  const {
    numPassedTests = 0,
    numFailedTests = 0,
    numPendingTests = 0,
    numTodoTests = 0,
  } = report ? JSON.parse(report) : {};
  return {
    passed: numPassedTests,
    failed: numFailedTests || (code === 0 && report ? 0 : 1),
    skipped: numPendingTests + numTodoTests,
  };
}

/** @returns {Count} */
export function addUp(/** @type {Count[]} */ counts) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of counts) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  return sum;
}

/** @returns {string} */
export function lineOf(/** @type {Count} */ { passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function hasTests(/** @type {string} */ folder) {
  return (
    existsSync(folder) && readdirSync(folder, { recursive: true }).some((file) => String(file).endsWith('.test.ts'))
  );
}

/** A heading goes where Vitest's own lines go. */
function say(/** @type {string} */ title) {
  process.stdout.write(`\n${title}\n`);
}

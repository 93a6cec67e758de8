/**
 * `npm test`: runs the checks of the sources (types with svelte-check, formatting with Prettier, rules with ESLint), the unit
 * and contract tests, and the end-to-end tests in Electron and in Chromium, all in parallel. The last line is the total,
 * `N passed, N failed`; each check counts as one test. `npm test -- unit`, `-- e2e`, `-- checks` and `-- types` run a part;
 * further arguments go to Vitest.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { finish, passThrough } from './child.mjs';
import { browserPath } from './pieces/browser.mjs';
import { electronPath } from './pieces/electron.mjs';
import { hasDisplay } from './pieces/screen.mjs';
import { inModules, root } from './repository.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */

/** The projects of vitest.config.ts that each part runs. */
const projects = /** @type {Record<string, string[]>} */ ({
  unit: ['unit', 'contract'],
  e2e: ['window', 'browser'],
  checks: [],
  types: [],
});

/** Programs of node_modules. svelte-check also covers the TypeScript and JavaScript files. */
const checks = /** @type {const} */ ([
  [
    'types',
    [inModules('svelte-check', 'bin', 'svelte-check'), '--tsconfig', './tsconfig.json', '--threshold', 'error'],
  ],
  ['formatting', [inModules('prettier', 'bin', 'prettier.cjs'), '--check', '.', '--log-level', 'warn']],
  ['rules', [inModules('eslint', 'bin', 'eslint.js'), '.']],
]);

/** Runs the checks one after the other, at a low priority beside the tests. The output of a check is printed only if it fails. */
export async function runChecks(
  /** @type {string} */ node,
  /** @type {NodeJS.ProcessEnv} */ env,
  { onlyTypes = false } = {},
) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const [title, command] of checks.filter(([name]) => !onlyTypes || name === 'types')) {
    const { code, output } = await finish(node, [...command], {
      cwd: root,
      env,
      priority: constants.priority.PRIORITY_LOW,
    });
    if (code === 0) count.passed++;
    else count.failed++;
    process.stdout.write(code === 0 ? `Check of ${title}: passed\n` : `Check of ${title}: failed\n${output}\n`);
  }
  return count;
}

/**
 * @param {string} node @param {string[]} args @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} exit code
 */
export async function runTests(node, args, env) {
  const part = args.find((arg, i) => i === 0 && Object.hasOwn(projects, arg));
  const chosen = part ? projects[part] : Object.values(projects).flat();
  const counts = await Promise.all([
    ...(part === undefined || chosen.length === 0 ? [runChecks(node, env, { onlyTypes: part === 'types' })] : []),
    ...(chosen.length > 0 ? [runVitest(node, chosen, part ? args.slice(1) : args, env)] : []),
  ]);
  const sum = addUp(counts);
  process.stdout.write(`\n${lineOf(sum)}\n`);
  if (sum.passed + sum.failed === 0) process.stderr.write('No test ran.\n');
  return sum.failed > 0 || sum.passed === 0 ? 1 : 0;
}

/**
 * @param {string} node @param {string[]} chosen projects @param {string[]} args for Vitest @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Count>}
 */
async function runVitest(node, chosen, args, env) {
  const reports = mkdtempSync(join(tmpdir(), 'winnow-tests-'));
  const file = join(reports, 'report.json');
  const command = [
    node,
    inModules('vitest', 'vitest.mjs'),
    'run',
    ...chosen.map((name) => `--project=${name}`),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    '--passWithNoTests',
    ...args,
  ];
  if (chosen.includes('window') && !hasDisplay()) command.unshift('xvfb-run', '-a', '-s', '-screen 0 1600x1000x24');
  try {
    const code = await passThrough(command[0], command.slice(1), {
      cwd: root,
      env: { ...env, WINNOW_ELECTRON: electronPath() ?? '', WINNOW_BROWSER: browserPath() ?? '' },
    });
    const report = existsSync(file) ? readFileSync(file, 'utf8') : null;
    if (report) process.stdout.write(['', 'The slowest tests:', ...slowestOf(report), ''].join('\n'));
    return countOf(code, report);
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

/** @returns {string[]} one line per test, slowest first */
export function slowestOf(/** @type {string} */ report, count = 20) {
  /** @type {{ name: string, assertionResults: { fullName: string, duration?: number | null }[] }[]} */
  const files = JSON.parse(report).testResults;
  return files
    .flatMap(({ name, assertionResults }) =>
      assertionResults.map(({ fullName, duration }) => ({
        seconds: (duration ?? 0) / 1000,
        name: `${relative(root, name)} ${fullName}`,
      })),
    )
    .filter(({ seconds }) => seconds >= 0.1)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, count)
    .map(({ seconds, name }) => `${seconds.toFixed(1).padStart(7)} s  ${name}`);
}

/**
 * @param {number} code Vitest's exit code @param {string | null} report its JSON report
 * @returns {Count} a run that fails without a failed test (a file that does not load, a crash) counts as one failure
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

#!/usr/bin/env node
/**
 * Every npm script is this file: `node src-main/setup/run.mjs start|test|bench|check|package …`. It runs on whatever
 * Node ≥ 18 the machine has and needs no library. It installs the libraries, provides the pieces that the command
 * needs, and goes on under the pinned Node 24. It says nothing when there is nothing to do, and what it says is on
 * stderr. Paths the user gives are relative to where npm was called.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { passThrough } from './child.mjs';
import { planOf } from './commands.mjs';
import { cacheFolder } from './folders.mjs';
import { installPackages } from './install.mjs';
import { withLock } from './lock.mjs';
import { log, progress } from './progress.mjs';
import { node24, root } from './repository.mjs';

const usage = 'usage: node src-main/setup/run.mjs start|test|bench|check|package [arguments]';

/** @param {string[]} argv @returns {Promise<number>} the exit code */
async function main([task = '', ...args]) {
  if (args[0] === '--') args.shift();
  const { hasDisplay } = await import('./pieces/screen.mjs');
  const plan =
    task === 'setup'
      ? planOf('start', ['setup', ...args], { display: hasDisplay() })
      : planOf(task, args, { display: hasDisplay() });
  if (!plan) {
    log(usage);
    return 2;
  }
  await installPackages(root);
  await providePieces(plan.pieces);
  const node = /** @type {string} */ (node24());
  const cwd = process.env.INIT_CWD || process.cwd();
  // Compiled sources are kept: a command starts in half the time.
  // More threads for files than Node's four: a disk that stalls holds some of them.
  const env = {
    NODE_COMPILE_CACHE: join(cacheFolder(), 'compiled'),
    UV_THREADPOOL_SIZE: '16',
    ...process.env,
    WINNOW_NODE: node,
  };
  const cli = [
    '--import',
    pathToFileURL(join(root, 'src-main', 'missing.mjs')).href,
    '--disable-warning=ExperimentalWarning',
    join(root, 'src-main', 'cli.ts'),
  ];
  switch (plan.kind) {
    case 'setup':
      return 0;
    case 'window':
      return openWindow(plan.args, { cwd, env });
    case 'cli':
      if (plan.args[0] === 'serve' && args[0] !== 'serve')
        log('There is no display here, so the page is served for a browser.');
      return passThrough(node, [...cli, ...plan.args], { cwd, env });
    case 'bench':
      return runBenches(node, plan.args, { cwd, env });
    case 'check':
      return (await import('./tests.mjs')).runChecks(node, env).then(({ failed }) => (failed > 0 ? 1 : 0));
    case 'test':
      return (await import('./tests.mjs')).runTests(node, plan.args, env);
    case 'package':
      return (await import('./package.mjs')).makePackages(node, plan.args, env);
  }
}

async function providePieces(/** @type {string[]} */ ids) {
  // Imported only now: a piece may ask a library that the line before has installed.
  const { pieces } = await import('./pieces/index.mjs');
  for (const piece of pieces.filter(({ id }) => ids.includes(id))) {
    const { state } = await piece.check();
    if (state === 'ready' || state === 'optional') continue;
    try {
      // Two set-ups in one checkout at once: the second finds it done.
      await withLock(
        join(cacheFolder(), `.lock-piece-${piece.id}`),
        async () => {
          if ((await piece.check()).state !== 'ready') await piece.provide({ log, progress });
        },
        (pid) => log(`Another set-up (process ${pid}) is at work on ${piece.title}; waiting for it.`),
      );
    } catch (error) {
      const sentence = `${piece.title}: ${error instanceof Error ? error.message : error}`;
      if (piece.essential) throw new Error(sentence, { cause: error });
      log(`${sentence}\n  Winnow goes on without it. To try again: ${piece.mend}`);
    }
  }
}

async function openWindow(
  /** @type {string[]} */ args,
  /** @type {{ cwd: string, env: NodeJS.ProcessEnv }} */ options,
) {
  const { electronPath } = await import('./pieces/electron.mjs');
  // Chromium refuses to run its sandbox as root.
  const switches = process.platform === 'linux' && process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return passThrough(/** @type {string} */ (electronPath()), [...switches, root, '--', ...args], options);
}

async function runBenches(
  /** @type {string} */ node,
  /** @type {string[]} */ [name, ...args],
  /** @type {{ cwd: string, env: NodeJS.ProcessEnv }} */ options,
) {
  const { existsSync, readdirSync } = await import('node:fs');
  const folder = join(root, 'test', 'bench');
  const names = existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => file.endsWith('.ts'))
        .map((file) => file.slice(0, -3))
    : [];
  const chosen = name ? names.filter((known) => known === name) : names;
  if (chosen.length === 0)
    log(
      name
        ? `There is no benchmark named ${name}; there are: ${names.join(', ') || 'none'}`
        : 'There are no benchmarks in test/bench.',
    );
  let code = chosen.length === 0 ? 2 : 0;
  for (const bench of chosen)
    code ||= await passThrough(
      node,
      ['--disable-warning=ExperimentalWarning', join(folder, `${bench}.ts`), ...args],
      options,
    );
  return code;
}

// Killed by a signal: the locks are released by their exit handlers, and what is half made lies under a temporary name.
for (const [signal, code] of /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])) {
  process.on(signal, () => process.listenerCount(signal) === 1 && process.exit(code));
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    log(error instanceof Error ? error.message : String(error));
    process.exit(1);
  },
);

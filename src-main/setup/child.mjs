/**
 * Runs other programs: `finish` captures the output and reports its end only if the program fails; `passThrough` shares
 * our terminal, forwards signals and returns the exit code.
 */
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { noteWorker } from './lock.mjs';

/**
 * @param {string} command @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, limitMs?: number, signal?: AbortSignal, onTick?: () => void, shell?: boolean, priority?: number }} [options]
 *   priority: as of `os.setPriority`; limitMs: the program is killed after this time; onTick: called four times a second while it runs
 * @returns {Promise<{ code: number, stdout: string, output: string, failure: string | null }>}
 */
export function finish(command, args, { cwd, env, limitMs, signal, onTick, shell = false, priority } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: env ?? process.env,
      shell,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    noteWorker(child.pid);
    if (priority !== undefined && child.pid) setPriority(child.pid, priority);
    let stdout = '';
    let output = '';
    let failure = /** @type {string | null} */ (null);
    child.stdout.on('data', (chunk) => {
      stdout = (stdout + chunk).slice(-1_000_000);
      output = (output + chunk).slice(-20_000);
    });
    child.stderr.on('data', (chunk) => (output = (output + chunk).slice(-20_000)));
    const ticking = onTick && setInterval(onTick, 250);
    const limit =
      limitMs &&
      setTimeout(() => {
        failure = `${command} did not finish within ${Math.round(limitMs / 1000)} s`;
        child.kill('SIGKILL');
      }, limitMs);
    signal?.addEventListener('abort', () => {
      failure = `${command} made no progress`;
      child.kill('SIGKILL');
    });
    const endChild = () => child.kill();
    process.once('exit', endChild);
    const settle = (/** @type {number} */ code) => {
      clearInterval(ticking || undefined);
      clearTimeout(limit || undefined);
      process.off('exit', endChild);
      if (code !== 0 && !failure) failure = `${command} exited with code ${code}${lastLines(output)}`;
      resolve({ code, stdout, output, failure });
    };
    child.on('error', (error) => {
      failure = `${command} could not be started: ${error.message}`;
      settle(127);
    });
    child.on('close', (code, signal) => settle(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

/** The end of a program's output, without stack traces, indented below our own message. */
export function lastLines(/** @type {string} */ output, count = 16) {
  const lines = output
    .trim()
    .split('\n')
    .filter((line) => line.trim() && !/^\s+at /.test(line))
    .slice(-count);
  return lines.length ? `:\n${lines.map((line) => `    ${line.slice(0, 300)}`).join('\n')}` : '';
}

/**
 * @param {string} command @param {string[]} args @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>} its exit code, 128 + n when a signal ended it
 */
export function passThrough(command, args, { cwd, env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: env ?? process.env, stdio: 'inherit' });
    // A terminal sends Ctrl+C to the whole process group, so the child gets it too: only outlive the child.
    // Forward a signal that was sent to this process alone. A second SIGINT is harmless: our commands are already cancelling.
    const forward = (/** @type {NodeJS.Signals} */ signal) =>
      void (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal));
    /** @type {NodeJS.Signals[]} */
    const signals = process.platform === 'win32' ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'];
    for (const signal of signals) process.on(signal, forward);
    child.on('error', (error) => {
      process.stderr.write(`${command} could not be started: ${error.message}\n`);
      resolve(127);
    });
    child.on('close', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
  });
}

/** The engine supervisor: restarts a crashed engine with growing waits, gives up after five crashes and then shows the end of the log. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EngineSupervisor } from '../../src-main/shell/engine-supervisor.ts';
import { temporaryFolder } from '../fixtures/images.ts';

/** A supervisor of programs given as JavaScript, and the starts and pipes it has reported. */
function supervise(program: () => string, firstWaitMs = 20) {
  const logFile = join(temporaryFolder('supervisor'), 'window', 'engine.log');
  const reported = { starts: [] as number[], pipes: [] as string[] };
  const givenUp = Promise.withResolvers<{ crashes: number; logTail: string }>();
  const kept = new EngineSupervisor({
    logFile,
    firstWaitMs,
    start: () => {
      reported.starts.push(Date.now());
      return spawn(process.execPath, ['-e', program()], { stdio: ['pipe', 'pipe', 'pipe'] });
    },
    onUp: (pipe) => void reported.pipes.push(pipe),
    onGiveUp: (crashes, logTail) => givenUp.resolve({ crashes, logTail }),
  });
  onTestFinished(() => kept.end());
  return { kept, reported, logFile, givenUp: givenUp.promise };
}
const lives = (pipe: string) =>
  `process.stdin.on('end', () => process.exit(0)).resume(); console.log(JSON.stringify({ pipe: '${pipe}' }))`;

describe('an engine that crashes', () => {
  test('repeatedly: waits grow, and after five crashes the end of the log is reported', async () => {
    const { kept, reported, givenUp, logFile } = supervise(
      () => "console.error('libvips.so.42: cannot open shared object file'); process.exit(3)",
    );
    kept.start();
    const { crashes, logTail } = await givenUp;
    expect(crashes).toBe(5);
    expect(reported.starts).toHaveLength(5);
    const waits = reported.starts.slice(1).map((at, i) => at - reported.starts[i]);
    waits.forEach((wait, i) => expect(wait).toBeGreaterThanOrEqual(20 * 2 ** i - 1));
    expect(logTail).toContain('libvips.so.42: cannot open shared object file');
    expect(logTail).toContain('exited with code 3');
    expect(statSync(logFile).mode & 0o077).toBe(0);
    expect(kept.isUp).toBe(false);
  });

  test('starts again on request, and pending waits resolve', async () => {
    let isMended = false;
    const { kept, reported, givenUp } = supervise(() => (isMended ? lives('/the/pipe') : 'process.exit(1)'), 1);
    kept.start();
    const up = kept.untilUp();
    await givenUp;
    isMended = true;
    kept.start();
    await up;
    expect(reported.pipes).toEqual(['/the/pipe']);
    expect(kept.isUp).toBe(true);
  });

  test('once: it is restarted', async () => {
    let n = 0;
    const { kept, reported } = supervise(
      () =>
        n++
          ? lives('second')
          : "console.log(JSON.stringify({ pipe: 'first' })); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50)",
      1,
    );
    kept.start();
    await expect.poll(() => reported.pipes).toEqual(['first', 'second']);
    expect(kept.isUp).toBe(true);
  });

  test('a missing program is reported too', async () => {
    const { kept, givenUp } = supervise(() => '', 1);
    const missing = new EngineSupervisor({
      logFile: join(temporaryFolder('supervisor'), 'engine.log'),
      firstWaitMs: 1,
      start: () => spawn('/nowhere/node', { stdio: ['pipe', 'pipe', 'pipe'] }),
      onUp: () => {},
      onGiveUp: (_, message) => message,
    });
    missing.start();
    kept.start();
    await givenUp;
    await expect.poll(() => missing.logTail()).toMatch(/could not be started: .*ENOENT/);
  });

  test('the log has a bounded size', async () => {
    const { kept, givenUp, logFile } = supervise(
      () =>
        "process.stderr.write('x'.repeat(999) + '\\n'.repeat(1)); for (let i = 0; i < 600; i++) process.stderr.write('y'.repeat(999) + '\\n'); process.exitCode = 1",
      1,
    );
    kept.start();
    await givenUp;
    expect(existsSync(`${logFile}.before`)).toBe(true);
    expect(statSync(logFile).size + statSync(`${logFile}.before`).size).toBeLessThan(1.1 * 2 ** 20);
    expect(readFileSync(`${logFile}.before`, 'utf8')).toContain('yyy');
  });
});

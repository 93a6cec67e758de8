/**
 * Nothing is sent to another machine. strace watches all processes of a session of the window, of `serve` with a browser, and of commands: every connection must be to
 * a pipe or to this machine. A DNS query would be a packet to a name server.
 */
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { _electron, chromium } from 'playwright';
import { afterAll, describe, expect, test } from 'vitest';
import { browserPath } from '../../src-main/setup/pieces/browser.mjs';
import { electronPath } from '../../src-main/setup/pieces/electron.mjs';
import { tracerPath } from '../../src-main/setup/pieces/tracer.mjs';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';
import { doorName, root, temporary } from './door.ts';

const own = temporary();
afterAll(() => own.remove());
const tracer = tracerPath();
if (!tracer)
  process.stderr.write(
    'Nothing is watched here: the test that nothing is asked outside this machine needs strace, on Linux (apt-get install strace).\n',
  );

const cli = ['--disable-warning=ExperimentalWarning', join(root, 'src-main', 'cli.ts')];
const watched = (log: string, command: string[]): [string, string[]] => [
  tracer as string,
  [
    '-f',
    '-qq',
    '--seccomp-bpf',
    '-s',
    '200',
    '-e',
    'trace=connect,bind,sendto,sendmsg,sendmmsg',
    '-o',
    log,
    ...command,
  ],
];

/** Lines of the log with an address of another machine. */
function outside(log: string): string[] {
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter(
      (line) =>
        /sa_family=AF_INET6?/.test(line) &&
        !/inet_addr\("127\.|inet_addr\("0\.0\.0\.0"\)|"::1"|"::ffff:127\./.test(line),
    );
}

describe.runIf(tracer !== null)(`nothing is sent to another machine, ${doorName}`, () => {
  test.runIf(doorName === 'electron')('by the window', async () => {
    const [folder, log] = [await blobFolder(), join(temporaryFolder('trace'), 'log')];
    const [program, args] = watched(log, [electronPath() as string]);
    const wrapper = join(temporaryFolder('trace'), 'electron');
    writeFileSync(wrapper, `#!/bin/sh\nexec ${program} ${args.map((arg) => `'${arg}'`).join(' ')} "$@"\n`);
    chmodSync(wrapper, 0o755);
    const app = await _electron.launch({
      executablePath: wrapper,
      args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), root, '--', folder],
      env: { ...process.env, WINNOW_DATA: own.data, WINNOW_NODE: process.execPath } as Record<string, string>,
    });
    const page = await app.firstWindow();
    await page.getByText('25 shown').waitFor();
    // Misspelled words, which a spell checker might send away, and host names that might be looked up.
    await page.locator('[data-path="good/odd.png"]').click();
    await page.locator('#note-field').fill('teh quik borwn fox');
    await page.locator('#note-field').press('Enter');
    await page.evaluate(() =>
      Promise.allSettled([
        fetch('https://example.com/'),
        new Promise((tell) => {
          const image = new Image();
          image.onerror = tell;
          image.src = 'http://example.org/a.png';
        }),
      ]),
    );
    await app.evaluate(({ net }) => net.fetch('https://example.net/').catch(() => null));
    await page.getByRole('navigation').getByRole('button', { name: 'Train' }).click();
    await page.getByRole('tab', { name: 'Advice' }).waitFor();
    await app.close();
    expect(readFileSync(log, 'utf8')).toContain('AF_UNIX'); // strace was active
    expect(outside(log)).toEqual([]);
  });

  test.runIf(doorName === 'browser')('by serve or its page', async () => {
    const [folder, log] = [await blobFolder(), join(temporaryFolder('trace'), 'log')];
    const [program, args] = watched(log, [process.execPath, ...cli, 'serve', folder, '--port', '0']);
    const server = spawn(program, args, {
      env: { ...process.env, WINNOW_DATA: own.data },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    const url = await new Promise<string>((opened) => createInterface({ input: server.stdout }).once('line', opened));
    const browser = await chromium.launch({
      executablePath: browserPath() ?? undefined,
      args: ['--no-sandbox', '--disable-gpu'],
    });
    try {
      const page = await browser.newPage();
      const asked = new Set<string>();
      page.on('request', (request) => asked.add(new URL(request.url()).origin));
      await page.goto(url);
      await page.getByText('25 shown').waitFor();
      await page.locator('[data-path="good/odd.png"]').click();
      await page.keyboard.press('x');
      await page.getByText('1 of 25 images reviewed').waitFor();
      expect([...asked].filter((origin) => origin !== new URL(url).origin && origin !== 'null')).toEqual([]);
    } finally {
      await browser.close();
      const ended = new Promise((tell) => server.once('exit', tell));
      process.kill(-(server.pid as number), 'SIGTERM'); // strace does not forward signals
      await ended;
    }
    expect(readFileSync(log, 'utf8')).toContain('AF_INET'); // the page was served
    expect(outside(log)).toEqual([]);
  });

  test.runIf(doorName === 'browser')('by commands', async () => {
    const [folder, data] = [await blobFolder(), join(own.data, 'commands')];
    const commands = [
      ['scan', folder],
      ['rank', folder, '--method', 'pca'],
      ['decide', folder, 'good/odd.png', '--reject'],
      ['export', folder, '--to', join(own.work, 'set')],
      ['doctor'],
    ];
    const logs = await Promise.all(
      commands
        .slice(0, 1)
        .concat(commands.slice(-1))
        .map((command) => run(command, data)),
    );
    for (const command of commands.slice(1, -1)) logs.push(await run(command, data));
    for (const { command, code, log } of logs) expect([command, code, outside(log)]).toEqual([command, code, []]);
    expect(logs.filter(({ command, code }) => command !== 'doctor' && code !== 0)).toEqual([]);
  });
});

async function run(command: string[], data: string) {
  const log = join(temporaryFolder('trace'), 'log');
  const [program, args] = watched(log, [process.execPath, ...cli, ...command]);
  const child = spawn(program, args, { env: { ...process.env, WINNOW_DATA: data }, stdio: 'ignore' });
  return { command: command[0], log, code: await new Promise<number | null>((tell) => child.once('exit', tell)) };
}

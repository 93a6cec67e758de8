/**
 * The two doors that have a page: a real Electron window, and Chromium on `serve`. The same specs run through both; WINNOW_DOOR says which.
 * Each has its own data folder, separate from other specs and from the developer's.
 */
import { AxeBuilder } from '@axe-core/playwright';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { _electron, chromium, type ElectronApplication, type Page } from 'playwright';
import { browserPath } from '../../src-main/setup/pieces/browser.mjs';
import { electronPath } from '../../src-main/setup/pieces/electron.mjs';

export const root = resolve(import.meta.dirname, '..', '..');
export const doorName = process.env.WINNOW_DOOR === 'electron' ? 'electron' : 'browser';
const sizePx = { width: 1280, height: 800 };

export interface OpenDoor {
  page: Page;
  /** The window's main process; null in a browser. */
  app: ElectronApplication | null;
  close(): Promise<void>;
}

/** Empty folders for one spec: `data` for the workspaces, `work` for its output. */
export function temporary(): { data: string; work: string; remove(): void } {
  const at = mkdtempSync(join(tmpdir(), 'winnow-e2e-'));
  return { data: join(at, 'data'), work: join(at, 'work'), remove: () => rmSync(at, { recursive: true, force: true }) };
}

/** Opens a door with this folder, like `npm start -- open FOLDER` or `serve FOLDER`. */
export async function openDoor(data: string, folder?: string): Promise<OpenDoor> {
  const door = await (doorName === 'electron' ? openWindow(data, folder) : openBrowser(data, folder));
  door.page.setDefaultTimeout(60_000); // many tests run at once
  return door;
}

const withoutNetwork = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

async function openWindow(data: string, folder?: string): Promise<OpenDoor> {
  const isRoot = process.getuid?.() === 0;
  const app = await _electron.launch({
    executablePath: electronPath() as string,
    args: [...(isRoot ? ['--no-sandbox'] : []), ...withoutNetwork, root, ...(folder ? ['--', folder] : [])],
    env: { ...process.env, WINNOW_DATA: data, WINNOW_NODE: process.execPath } as Record<string, string>,
  });
  const page = await app.firstWindow();
  await page.setViewportSize(sizePx);
  return { page, app, close: () => app.close() };
}

async function openBrowser(data: string, folder?: string): Promise<OpenDoor> {
  const server = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(root, 'src-main', 'cli.ts'),
      'serve',
      ...(folder ? [folder] : []),
      '--port',
      '0',
    ],
    {
      env: { ...process.env, WINNOW_DATA: data },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const url = await new Promise<string>((opened, failed) => {
    createInterface({ input: server.stdout }).once('line', opened);
    server.once('exit', (code) => failed(new Error(`serve ended with ${code}`)));
  });
  const browser = await chromium.launch({
    executablePath: browserPath() ?? undefined,
    args: ['--no-sandbox', '--disable-gpu', ...withoutNetwork],
  });
  const page = await browser.newPage({ viewport: sizePx });
  await page.goto(url);
  return {
    page,
    app: null,
    close: async () => {
      await browser.close();
      const ended = new Promise((resume) => server.once('exit', resume));
      server.kill('SIGTERM');
      await ended;
    },
  };
}

/** The process id of a window's engine; null if there is none. Linux only. */
export function enginePid(app: ElectronApplication): number | null {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = /\) \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
      if (
        Number(parent) === app.process().pid &&
        readFileSync(`/proc/${pid}/cmdline`, 'utf8')
          .split('\0')
          .some((part) => part.endsWith('engine.ts'))
      )
        return Number(pid);
    } catch {
      // The process has ended.
    }
  }
  return null;
}

/** Violations found by axe in the current theme, and of contrast in the other theme: themes differ only in colours. */
export async function violationsInBothLights(page: Page): Promise<string[]> {
  const first = await violations(page);
  if (doorName !== 'browser') return first;
  await page.getByRole('button', { name: 'Dark or light' }).click();
  const second = await violations(page, ['color-contrast']);
  await page.getByRole('button', { name: 'Dark or light' }).click();
  return [...first, ...second];
}

/** Violations found by axe, by all rules or by these. Only in the browser: the page is the same in both doors, and axe takes seconds. */
export async function violations(page: Page, rules?: string[]): Promise<string[]> {
  if (doorName !== 'browser') return [];
  // Legacy mode: Electron cannot open the second page that axe would use for frames.
  const axe = new AxeBuilder({ page }).setLegacyMode();
  const { violations: found } = await (rules ? axe.withRules(rules) : axe).analyze();
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

/** The desktop shell: permissions of its page, an engine that keeps crashing, and closing the window during a training. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ElectronApplication, Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { blobFolder } from '../fixtures/images.ts';
import { doorName, enginePid, openDoor, root, temporary, type OpenDoor } from './door.ts';
import { loadFresh } from './engine.ts';

const own = temporary();
let door: OpenDoor;
let page: Page;
let app: ElectronApplication;
let folder: string;

const open = async () => {
  door = await openDoor(own.data, folder);
  [page, app] = [door.page, door.app as ElectronApplication];
  await page.getByText('25 shown').waitFor();
};
const footer = () => page.getByRole('contentinfo');
const anomalies = () => page.getByRole('navigation').getByRole('button', { name: 'Anomalies' }).click();
/** A test cannot press buttons of system dialogs: from now on they return this button, and their messages are recorded. */
const answerDialogs = (button: number) =>
  app.evaluate(({ dialog }, response) => {
    const said: string[] = ((globalThis as { said?: string[] }).said = []);
    dialog.showMessageBox = (async (...args: unknown[]) => {
      const { message, detail } = args.at(-1) as Electron.MessageBoxOptions;
      said.push(`${message} ${detail}`);
      return { response, checkboxChecked: false };
    }) as typeof dialog.showMessageBox;
    dialog.showMessageBoxSync = ((...args: unknown[]) => {
      const { message, detail } = args.at(-1) as Electron.MessageBoxSyncOptions;
      said.push(`${message} ${detail}`);
      return response;
    }) as typeof dialog.showMessageBoxSync;
  }, button);
const said = () => app.evaluate(() => (globalThis as { said?: string[] }).said ?? []);

describe.runIf(doorName === 'electron')('the window', () => {
  beforeAll(async () => {
    folder = await blobFolder();
    await open();
  });
  beforeEach(async () => {
    await loadFresh(page, folder);
  });
  afterAll(async () => {
    await door?.close();
    own.remove();
  });

  test('grants its page writing to the clipboard, and nothing else', async () => {
    const states = await page.evaluate(async () =>
      Object.fromEntries(
        await Promise.all(
          [
            'camera',
            'microphone',
            'geolocation',
            'notifications',
            'clipboard-read',
            'midi',
            'persistent-storage',
            'clipboard-write',
          ].map(async (name) => [name, (await navigator.permissions.query({ name: name as PermissionName })).state]),
        ),
      ),
    );
    expect(states).toEqual({
      camera: 'denied',
      microphone: 'denied',
      geolocation: 'denied',
      notifications: 'denied',
      'clipboard-read': 'denied',
      midi: 'denied',
      'persistent-storage': 'denied',
      'clipboard-write': 'granted',
    });
    const asked = await page.evaluate(async () =>
      Promise.all([
        new Promise((tell) => {
          navigator.geolocation.getCurrentPosition(
            () => tell('given'),
            ({ code }) => tell(code),
          );
        }),
        Notification.requestPermission(),
        navigator.clipboard.readText().then(
          () => 'given',
          (error: Error) => error.name,
        ),
      ]),
    );
    expect(asked).toEqual([1, 'denied', 'NotAllowedError']);
    // Copying a command works.
    await page.locator('[data-path="good/odd.png"]').click();
    await page.keyboard.press('x');
    await footer().getByText('1 of 25 images reviewed').waitFor();
    await page.getByRole('button', { name: 'History' }).click();
    await page.getByRole('dialog', { name: 'History' }).getByRole('button', { name: /Copy/ }).last().click();
    await expect.poll(() => app.evaluate(({ clipboard }) => clipboard.readText())).toContain('winnow');
    await page.keyboard.press('Escape');
  });

  test('only its own page can call it', async () => {
    const answer = await app.evaluate(
      async ({ BrowserWindow }, preload) => {
        const other = new BrowserWindow({
          show: false,
          webPreferences: { preload, sandbox: true, contextIsolation: true },
        });
        await other.loadURL('data:text/html,<title>not ours</title>');
        const message = (await other.webContents.executeJavaScript(
          "window.shell.setTitle('taken').then(() => 'done', (error) => error.message)",
        )) as string;
        other.destroy();
        return message;
      },
      join(root, 'dist', 'app', 'preload.cjs'),
    );
    expect(answer).toContain('can be called by Winnow’s page only');
  });

  test('its menu has the page’s actions with their current keys', async () => {
    const item = (id: string) =>
      app.evaluate(({ Menu }, wanted) => {
        const found = Menu.getApplicationMenu()?.getMenuItemById(wanted);
        return found ? { label: found.label, accelerator: found.accelerator ?? null } : null;
      }, id);
    await expect.poll(() => item('map')).toEqual({ label: 'Map', accelerator: 'M' });
    expect(await item('export')).toEqual({ label: 'Export…', accelerator: 'CmdOrCtrl+E' });
    await page.keyboard.press('?');
    await page.getByRole('button', { name: 'Map: M, choose another' }).click();
    await page.keyboard.press('Control+m');
    await expect.poll(() => item('map')).toEqual({ label: 'Map', accelerator: 'CmdOrCtrl+M' });
    await page.keyboard.press('Escape');
    await app.evaluate(({ Menu, BrowserWindow }) => {
      BrowserWindow.getAllWindows()[0].focus();
      Menu.getApplicationMenu()?.getMenuItemById('train')?.click();
    });
    await page.getByRole('complementary', { name: 'Train' }).waitFor();
  });

  test('asks before it closes during a training, which can be resumed afterwards', async () => {
    await anomalies();
    await page.getByRole('radio', { name: 'Conv AE' }).click();
    await page.getByLabel('Epochs').fill('2000');
    await page.getByLabel('Epochs').press('Tab');
    await page.getByRole('button', { name: 'Train and rank' }).click();
    await page.getByText(/conv-ae-\d+ · epoch \d+/).waitFor();
    expect(await page.getByText('Not ranked yet.').count()).toBe(0);
    await answerDialogs(0);
    await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close());
    await expect
      .poll(said)
      .toEqual([expect.stringMatching(/^Rank with Convolutional autoencoder is still running\..*Nothing is lost/)]);
    await footer().getByText('Training', { exact: true }).waitFor(); // the window is still open
    await answerDialogs(1);
    const closed = new Promise<void>((tell) => app.once('close', () => tell()));
    await app.evaluate(({ BrowserWindow }) => void setImmediate(() => BrowserWindow.getAllWindows()[0].close()));
    await closed;

    await open();
    await anomalies();
    const line = page.getByText(/Interrupted at epoch \d+ of 2000\./);
    await line.waitFor();
    const before = Number(/epoch (\d+)/.exec(await line.innerText())?.[1]);
    expect(before).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Resume' }).click();
    await footer().getByText('Training', { exact: true }).waitFor();
    const epoch = async () => Number(/epoch (\d+)/.exec(await page.getByText(/conv-ae-\d+ · epoch/).innerText())?.[1]);
    await expect.poll(epoch).toBeGreaterThan(before); // the same run continues
    await footer().getByRole('button', { name: 'Cancel' }).click();
    await page.getByText(/Cancelled\. It stopped at epoch \d+ of 2000\./).waitFor();
    expect(await page.getByRole('button', { name: 'Resume' }).isEnabled()).toBe(true);
  });

  test('an engine that keeps crashing is reported with its log, and restarted on request', async () => {
    await answerDialogs(0);
    let killed: number | null = null;
    // Kills the engine after each start, until the shell gives up.
    while (!(await said()).length) {
      const pid = enginePid(app);
      if (pid !== null && pid !== killed) process.kill((killed = pid), 'SIGKILL');
      await page.getByText('The engine is restarting…').waitFor();
    }
    expect(await said()).toEqual([
      expect.stringMatching(
        /^The engine of Winnow has stopped 5 times within a minute\.[^]*was killed by SIGKILL[^]*engine\.log/,
      ),
    ]);
    expect(readFileSync(join(own.data, 'window', 'engine.log'), 'utf8')).toContain('engine started');
    await page.getByText('The engine is restarting…').waitFor({ state: 'detached' });
    expect(enginePid(app)).not.toBe(killed);
    await page.getByText('25 shown').waitFor();
  });

  test('does not open, embed or follow another address', async () => {
    const at = page.url();
    expect(await page.evaluate(() => window.open('https://example.com/'))).toBeNull();
    await page.evaluate(() => {
      const link = document.body.appendChild(document.createElement('a'));
      link.href = 'https://example.com/';
      link.click();
      link.remove();
      location.assign('file:///etc/hostname');
    });
    // When this request has been refused, everything started before it has been stopped too.
    expect(
      await page.evaluate(() =>
        fetch('https://example.com/').then(
          () => 'answered',
          () => 'refused',
        ),
      ),
    ).toBe('refused');
    expect(page.url()).toBe(at);
    expect(await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
    expect(await page.evaluate(() => document.body.innerText)).toContain('25 shown');
  });
});

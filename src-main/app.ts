/**
 * The shell: Electron's main process. It starts the engine as a plain Node process, hands `app://winnow` on to the engine's pipe, and
 * keeps windows, menus and dialogs. It holds no image and no tensor. Bundled, since Electron's own Node runs no TypeScript.
 */
import { app, BrowserWindow, dialog, ipcMain, Menu, nativeTheme, protocol, shell, type MenuItemConstructorOptions } from 'electron';
import { spawn, type ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Agent, fetch as pipeFetch, type RequestInit } from 'undici';
import type { FileKind } from './contract/shell.ts';
import { dataFolder } from './setup/folders.mjs';

const root = app.isPackaged ? join(process.resourcesPath, 'winnow') : app.getAppPath();
const node = process.env.WINNOW_NODE ?? join(root, 'node', process.platform === 'win32' ? 'node.exe' : 'node');
const restartAfterMs = 500;

protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true } }]);
app.setPath('userData', join(dataFolder(), 'window'));

// --- engine ---------------------------------------------------------------------------------------------------------------------------

let engine: ChildProcess | null = null;
let pipe = '';
let dispatcher = new Agent();
let ready: Promise<void> = Promise.resolve();
let quitting = false;

function startEngine() {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, 'src-main', 'engine.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  engine = child;
  ready = new Promise((go) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).once('line', (line) => {
      ({ pipe } = JSON.parse(line) as { pipe: string });
      dispatcher = new Agent({ connect: { socketPath: pipe }, connections: 64, bodyTimeout: 0, headersTimeout: 0 });
      go();
    });
    child.once('exit', () => go());
  });
  child.once('error', (error) => dialog.showErrorBox('Winnow', `The engine could not be started: ${error.message}`));
  child.once('exit', () => {
    if (pipe && process.platform !== 'win32') rmSync(dirname(pipe), { recursive: true, force: true }); // an engine that was killed leaves it
    if (!quitting) setTimeout(startEngine, restartAfterMs); // the page reopens its folder by itself
  });
}

async function handOn(request: Request): Promise<Response> {
  await ready;
  const url = new URL(request.url);
  try {
    const init: RequestInit = { method: request.method, headers: [...request.headers], dispatcher, signal: request.signal };
    if (request.body) Object.assign(init, { body: request.body, duplex: 'half' });
    const answer = await pipeFetch(`http://engine${url.pathname}${url.search}`, init);
    return new Response(answer.body as unknown as BodyInit, { status: answer.status, headers: [...answer.headers] });
  } catch (error) {
    if (request.signal.aborted) return new Response(null, { status: 499 });
    return new Response(`The engine does not answer: ${(error as Error).message}`, { status: 503 });
  }
}

// --- windows --------------------------------------------------------------------------------------------------------------------------

function openWindow(folder: string | null) {
  const dark = nativeTheme.shouldUseDarkColors;
  const window = new BrowserWindow({
    width: 1280, height: 800, minWidth: 960, minHeight: 600, show: false, backgroundColor: dark ? '#17181a' : '#f1f0ec', title: 'Winnow',
    webPreferences: { preload: join(import.meta.dirname, 'preload.cjs'), sandbox: true, contextIsolation: true, nodeIntegration: false },
  });
  window.once('ready-to-show', () => window.show());
  // The page is ours alone: links go to the browser, nothing else is ever loaded.
  window.webContents.setWindowOpenHandler(({ url }) => {
    if (/^https:/.test(url)) void shell.openExternal(url);
    return { action: 'deny' };
  });
  window.webContents.on('will-navigate', (event, url) => {
    if (!url.startsWith('app://winnow/')) event.preventDefault();
  });
  void window.loadURL(`app://winnow/${folder ? `?folder=${encodeURIComponent(folder)}` : ''}`);
}

const send = (id: string) => BrowserWindow.getFocusedWindow()?.webContents.send('action', id);
const item = (label: string, id: string, accelerator?: string): MenuItemConstructorOptions =>
  ({ label, click: () => send(id), ...(accelerator ? { accelerator, registerAccelerator: false } : {}) });

function setMenu() {
  const mac: MenuItemConstructorOptions[] = process.platform === 'darwin' ? [{ role: 'appMenu' }] : [];
  Menu.setApplicationMenu(Menu.buildFromTemplate([
    ...mac,
    { label: 'File', submenu: [item('Open folder…', 'open', 'CmdOrCtrl+O'), { label: 'New window', click: () => openWindow(null) }, item('Import decisions and labels…', 'import'), item('Export…', 'export', 'CmdOrCtrl+E'), { type: 'separator' }, process.platform === 'darwin' ? { role: 'close' } : { role: 'quit' }] },
    { label: 'Edit', submenu: [item('Undo', 'undo', 'CmdOrCtrl+Z'), item('Redo', 'redo', 'CmdOrCtrl+Shift+Z'), item('History…', 'history'), { type: 'separator' }, { role: 'cut' }, { role: 'copy' }, { role: 'paste' }, item('Select all', 'select-all', 'CmdOrCtrl+A')] },
    { label: 'View', submenu: [item('Gallery', 'gallery'), item('Anomalies', 'anomalies'), item('Issues', 'issues'), item('Duplicates', 'duplicates'), item('Map', 'map'), { type: 'separator' }, item('Hide or show the side panels', 'panels'), item('Dark or light', 'theme'), { type: 'separator' }, { role: 'zoomIn' }, { role: 'zoomOut' }, { role: 'resetZoom' }, { role: 'togglefullscreen' }, { role: 'toggleDevTools' }] },
    { label: 'Help', submenu: [item('All commands…', 'palette', 'CmdOrCtrl+K'), item('Keys…', 'keys')] },
  ]));
}

/** What stands behind `--`: the folder to open. */
const named = process.argv.indexOf('--') >= 0 ? process.argv[process.argv.indexOf('--') + 1] : undefined;
const asked = { folder: named ? resolve(named) : null };

ipcMain.handle('choose-folder', async (event) => {
  const window = BrowserWindow.fromWebContents(event.sender) as BrowserWindow;
  const { filePaths } = await dialog.showOpenDialog(window, { title: 'Open a folder of images', properties: ['openDirectory'] });
  return filePaths[0] ?? null;
});
const fileKinds: Record<FileKind, { title: string; filter: Electron.FileFilter }> = {
  marks: { title: 'Import decisions and labels', filter: { name: 'Marks of images', extensions: ['csv', 'tsv', 'jsonl', 'json'] } },
  weights: { title: 'Begin from weights', filter: { name: 'Weights', extensions: ['safetensors'] } },
};
ipcMain.handle('choose-file', async (event, kind: FileKind) => {
  const window = BrowserWindow.fromWebContents(event.sender) as BrowserWindow;
  const { title, filter } = fileKinds[kind];
  const { filePaths } = await dialog.showOpenDialog(window, { title, properties: ['openFile'], filters: [filter, { name: 'All files', extensions: ['*'] }] });
  return filePaths[0] ?? null;
});
ipcMain.handle('choose-target', async (event, suggested: string) => {
  const window = BrowserWindow.fromWebContents(event.sender) as BrowserWindow;
  const { filePath } = await dialog.showSaveDialog(window, { title: 'Export to a new folder', defaultPath: suggested, buttonLabel: 'Choose' });
  return filePath || null;
});
ipcMain.handle('reveal', (_event, path: string) => shell.showItemInFolder(path));
ipcMain.handle('set-title', (event, title: string) => BrowserWindow.fromWebContents(event.sender)?.setTitle(title));

if (app.requestSingleInstanceLock(asked)) {
  app.on('second-instance', (_event, _argv, _cwd, other) => openWindow((other as typeof asked).folder));
  app.on('window-all-closed', () => app.quit());
  app.on('will-quit', () => {
    quitting = true;
    engine?.stdin?.end();
  });
  startEngine();
  void app.whenReady().then(() => {
    protocol.handle('app', handOn);
    setMenu();
    openWindow(asked.folder);
  });
} else {
  app.quit();
}


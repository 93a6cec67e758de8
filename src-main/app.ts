/**
 * The shell: Electron's main process. It starts the engine as a plain Node process, forwards requests for `app://winnow` to the engine's pipe, and
 * manages windows, menus and dialogs. It holds no images and no tensors. It is bundled, since Electron's own Node cannot run TypeScript.
 */
import {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  nativeTheme,
  protocol,
  session,
  shell,
  type IpcMainInvokeEvent,
} from 'electron';
import { spawn } from 'node:child_process';
import { rmdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Agent, fetch as pipeFetch, type RequestInit } from 'undici';
import type { FileKind, MenuItem } from './contract/shell.ts';
import { dataFolder } from './setup/folders.mjs';
import { isGranted, isOurs, isLocal, switches } from './shell/restrictions.ts';
import { EngineSupervisor } from './shell/engine-supervisor.ts';
import { menuTemplate } from './shell/menu.ts';

const root = app.isPackaged ? join(process.resourcesPath, 'winnow') : app.getAppPath();
const node = process.env.WINNOW_NODE ?? join(root, 'node', process.platform === 'win32' ? 'node.exe' : 'node');

protocol.registerSchemesAsPrivileged([
  { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true } },
]);
app.setPath('userData', join(dataFolder(), 'window'));
for (const [name, value] of switches) app.commandLine.appendSwitch(name, value);

// --- engine ---------------------------------------------------------------------------------------------------------------------------

let pipe = '';
let dispatcher = new Agent();

const engine = new EngineSupervisor({
  logFile: join(dataFolder(), 'window', 'engine.log'),
  start() {
    removeStalePipe();
    return spawn(
      node,
      [
        '--import',
        pathToFileURL(join(root, 'src-main', 'missing.mjs')).href,
        '--disable-warning=ExperimentalWarning',
        join(root, 'src-main', 'engine.ts'),
      ],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { UV_THREADPOOL_SIZE: '16', ...process.env }, // reads from a stalled disk block some of the threads
      },
    );
  },
  onUp(named) {
    pipe = named;
    dispatcher = new Agent({ connect: { socketPath: pipe }, connections: 64, bodyTimeout: 0, headersTimeout: 0 });
  },
  onLog: (line) => void process.stderr.write(`${line}\n`),
  onGiveUp: (crashes, logTail) => void reportGiveUp(crashes, logTail),
});

/** Removes the pipe of an engine that was killed. Each pipe is in a temporary folder. */
function removeStalePipe() {
  if (!pipe || process.platform === 'win32') return;
  try {
    rmSync(pipe, { force: true });
    rmdirSync(dirname(pipe));
  } catch {
    // Already removed, or the folder is not empty.
  }
  pipe = '';
}

async function reportGiveUp(crashes: number, logTail: string) {
  await app.whenReady();
  const { response } = await dialog.showMessageBox({
    type: 'error',
    title: 'Winnow',
    message: `The engine of Winnow has stopped ${crashes} times within a minute.`,
    detail: `Your decisions are saved. The last lines of its log:\n\n${logTail}\n\nThe full log is ${join(dataFolder(), 'window', 'engine.log')}. To check this installation, run: npm start -- doctor`,
    buttons: ['Try again', 'Quit'],
    defaultId: 0,
    cancelId: 1,
    noLink: true,
  });
  if (response === 0) return engine.start();
  isQuitting = true;
  app.quit();
}

/** Requests for the page wait until an engine runs. Calls get status 503 at once if none does, so that the page can show it. */
async function forwardToEngine(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (!/^\/(w|trpc)\//.test(url.pathname)) await engine.untilUp();
  if (!engine.isUp) return new Response('The engine is restarting.', { status: 503 });
  try {
    const init: RequestInit = {
      method: request.method,
      headers: [...request.headers],
      dispatcher,
      signal: request.signal,
    };
    if (request.body) Object.assign(init, { body: request.body, duplex: 'half' });
    const answer = await pipeFetch(`http://engine${url.pathname}${url.search}`, init);
    return new Response(answer.body as unknown as BodyInit, { status: answer.status, headers: [...answer.headers] });
  } catch (error) {
    if (request.signal.aborted) return new Response(null, { status: 499 });
    return new Response(`The engine does not answer: ${(error as Error).message}`, { status: 503 });
  }
}

// --- security -------------------------------------------------------------------------------------------------------------------------

function restrictSession() {
  const { defaultSession } = session;
  defaultSession.setSpellCheckerLanguages([]); // it would download a dictionary
  defaultSession.setSpellCheckerEnabled(false);
  defaultSession.setPermissionRequestHandler((_contents, permission, answer, { requestingUrl }) =>
    answer(isGranted(permission, requestingUrl)),
  );
  defaultSession.setPermissionCheckHandler((_contents, permission, origin) => isGranted(permission, origin));
  defaultSession.setDevicePermissionHandler(() => false);
  defaultSession.webRequest.onBeforeRequest(({ url }, answer) => answer({ cancel: !isLocal(url) }));
}

// Only our own page is loaded. Other pages cannot be opened or embedded.
app.on('web-contents-created', (_event, contents) => {
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.on('will-frame-navigate', (event) => {
    if (!isOurs(event.url)) event.preventDefault();
  });
  contents.on('will-redirect', (event) => {
    if (!isOurs(event.url)) event.preventDefault();
  });
});

/** Registers a handler for calls of our page. Calls from other frames are refused. */
function handlePageCall<Args extends unknown[]>(name: string, work: (window: BrowserWindow, ...args: Args) => unknown) {
  ipcMain.handle(name, (event: IpcMainInvokeEvent, ...args: unknown[]) => {
    const window = BrowserWindow.fromWebContents(event.sender);
    if (!window || event.senderFrame !== event.sender.mainFrame || !isOurs(event.senderFrame?.url))
      throw new Error(`${name} can be called by Winnow’s page only.`);
    return work(window, ...(args as Args));
  });
}

// --- windows --------------------------------------------------------------------------------------------------------------------------

function openWindow(folder: string | null) {
  const dark = nativeTheme.shouldUseDarkColors;
  const window = new BrowserWindow({
    width: 1280,
    height: 800,
    minWidth: 960,
    minHeight: 600,
    show: false,
    backgroundColor: dark ? '#17181a' : '#f1f0ec',
    title: 'Winnow',
    webPreferences: {
      preload: join(import.meta.dirname, 'preload.cjs'),
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      spellcheck: false,
    },
  });
  window.once('ready-to-show', () => window.show());
  window.on('focus', () => showMenu(window));
  window.on('close', (event) => {
    if (!mayClose(window)) event.preventDefault();
  });
  void window.loadURL(`app://winnow/${folder ? `?folder=${encodeURIComponent(folder)}` : ''}`);
}

/** The title of the training that runs in each window's folder, as reported by the page. */
const trainings = new WeakMap<BrowserWindow, string>();
let isQuitting = false;

/** Closing the last window stops the engine and a running training, so ask first. The training can be resumed later. */
function mayClose(window: BrowserWindow): boolean {
  const training = trainings.get(window);
  if (!training || isQuitting || (BrowserWindow.getAllWindows().length > 1 && !isAskedToQuit)) return true;
  const stay =
    dialog.showMessageBoxSync(window, {
      type: 'question',
      title: 'Winnow',
      message: `${training} is still running.`,
      detail:
        'It stops when Winnow is closed. Nothing is lost: finished epochs are saved, and Resume continues from there.',
      buttons: ['Continue training', 'Quit'],
      defaultId: 0,
      cancelId: 0,
      noLink: true,
    }) === 0;
  isAskedToQuit = false;
  return !stay;
}
let isAskedToQuit = false;
app.on('before-quit', () => (isAskedToQuit = true));

/** The actions in the menu of each window, as its page has sent them. */
const menus = new WeakMap<BrowserWindow, readonly MenuItem[]>();

/** There is one menu per application: it shows the actions of the focused window. */
function showMenu(window: BrowserWindow | null) {
  const template = menuTemplate((window && menus.get(window)) ?? [], process.platform, {
    openWindow: () => openWindow(null),
    perform: (id) => BrowserWindow.getFocusedWindow()?.webContents.send('action', id),
  });
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}

/** The argument after `--`: the folder to open. */
const named = process.argv.indexOf('--') >= 0 ? process.argv[process.argv.indexOf('--') + 1] : undefined;
const requested = { folder: named ? resolve(named) : null };

handlePageCall('choose-folder', async (window) => {
  const { filePaths } = await dialog.showOpenDialog(window, {
    title: 'Open a folder of images',
    properties: ['openDirectory'],
  });
  return filePaths[0] ?? null;
});
const fileKinds: Record<FileKind, { title: string; filter: Electron.FileFilter }> = {
  marks: {
    title: 'Import decisions and labels',
    filter: { name: 'Image marks', extensions: ['csv', 'tsv', 'jsonl', 'json'] },
  },
  weights: { title: 'Choose initial weights', filter: { name: 'Weights', extensions: ['safetensors'] } },
};
handlePageCall('choose-file', async (window, kind: FileKind) => {
  const { title, filter } = fileKinds[kind];
  const { filePaths } = await dialog.showOpenDialog(window, {
    title,
    properties: ['openFile'],
    filters: [filter, { name: 'All files', extensions: ['*'] }],
  });
  return filePaths[0] ?? null;
});
handlePageCall('choose-target', async (window, suggested: string) => {
  const { filePath } = await dialog.showSaveDialog(window, {
    title: 'Export to a new folder',
    defaultPath: suggested,
    buttonLabel: 'Choose',
  });
  return filePath || null;
});
handlePageCall('set-menu', (window, items: readonly MenuItem[]) => {
  menus.set(window, items);
  if (window.isFocused() || BrowserWindow.getAllWindows().length === 1) showMenu(window);
});
handlePageCall('reveal', (_window, path: string) => shell.showItemInFolder(path));
handlePageCall('set-title', (window, title: string) => window.setTitle(title));
handlePageCall(
  'set-training',
  (window, title: string | null) => void (title === null ? trainings.delete(window) : trainings.set(window, title)),
);

if (app.requestSingleInstanceLock(requested)) {
  app.on('second-instance', (_event, _argv, _cwd, other) => openWindow((other as typeof requested).folder));
  app.on('window-all-closed', () => app.quit());
  app.on('will-quit', () => engine.end());
  engine.start();
  void app.whenReady().then(() => {
    restrictSession();
    protocol.handle('app', forwardToEngine);
    showMenu(null);
    openWindow(requested.folder);
  });
} else {
  app.quit();
}

/** The calls that only the desktop shell provides. The page uses them as `window.shell`, which is undefined in a browser. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import type { Shell } from './contract/shell.ts';

const shell: Shell = {
  platform: process.platform,
  chooseFolder: () => ipcRenderer.invoke('choose-folder'),
  chooseFile: (kind) => ipcRenderer.invoke('choose-file', kind),
  chooseTarget: (suggested) => ipcRenderer.invoke('choose-target', suggested),
  reveal: (path) => ipcRenderer.invoke('reveal', path),
  pathOf: (file) => webUtils.getPathForFile(file),
  setTitle: (title) => ipcRenderer.invoke('set-title', title),
  setTraining: (title) => ipcRenderer.invoke('set-training', title),
  setMenu: (items) => ipcRenderer.invoke('set-menu', items),
  onAction: (listener) => {
    ipcRenderer.on('action', (_event, id: string) => listener(id));
  },
};

contextBridge.exposeInMainWorld('shell', shell);

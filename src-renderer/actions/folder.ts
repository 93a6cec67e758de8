/** Actions on the folder as a whole, and the dialogs of the window. */
import { shell } from '../lib/engine.ts';
import { app } from '../state/app.svelte.ts';
import type { Action } from './action.ts';
import { focusField } from './focus-field.ts';

const hasImages = () => (app.session?.samples.length ?? 0) > 0;

export const folder: readonly Action[] = [
  {
    id: 'search',
    title: 'Search paths and tags',
    keys: ['/', 'ctrl+f'],
    group: 'Folder',
    context: 'images',
    run: focusField('#search-field'),
  },
  {
    id: 'palette',
    title: 'All commands',
    keys: ['ctrl+k', 'ctrl+shift+p'],
    group: 'Folder',
    menu: 'Help',
    opensDialog: true,
    context: 'window',
    run: () => void (app.dialog = 'palette'),
  },
  {
    id: 'keys',
    title: 'Keyboard shortcuts',
    keys: ['?'],
    group: 'Folder',
    menu: 'Help',
    opensDialog: true,
    context: 'window',
    run: () => void (app.dialog = 'keys'),
  },
  {
    id: 'open',
    title: 'Open folder',
    keys: ['ctrl+o'],
    group: 'Folder',
    menu: 'File',
    opensDialog: true,
    context: 'window',
    run: () => (shell ? app.choose() : app.closeFolder()),
  },
  {
    id: 'scan',
    title: 'Scan again',
    keys: ['f5'],
    group: 'Folder',
    context: 'folder',
    run: () => app.session?.scan(),
  },
  {
    id: 'import',
    title: 'Import decisions and labels',
    keys: ['ctrl+shift+i'],
    group: 'Folder',
    menu: 'File',
    opensDialog: true,
    context: 'folder',
    when: hasImages,
    run: () => void (app.dialog = 'import'),
  },
  {
    id: 'export',
    title: 'Export',
    keys: ['ctrl+e'],
    group: 'Folder',
    menu: 'File',
    opensDialog: true,
    context: 'folder',
    when: hasImages,
    run: () => void (app.dialog = 'export'),
  },
];

/** Actions: keys, palette, tooltips and native menu are derived from one record each, also after a key was reassigned. */
import { openPage } from '../fixtures/page.ts';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { acceleratorOf, menuTemplate } from '../../src-main/shell/menu.ts';
import { records } from '../../src-renderer/actions/index.ts';
import { menuItems } from '../../src-renderer/actions/menu.ts';
import { actionOf, actions, isEnabled, shortcutOf, perform, register } from '../../src-renderer/actions/registry.ts';
import { keyName, shownKey } from '../../src-renderer/lib/keys.ts';
import { offer } from '../../src-renderer/lib/palette.ts';
import { places } from '../../src-renderer/places/index.ts';
import { app } from '../../src-renderer/state/app.svelte.ts';
import type { Session } from '../../src-renderer/state/session.svelte.ts';
import { settings } from '../../src-renderer/state/settings.svelte.ts';
import { Training } from '../../src-renderer/state/training.svelte.ts';
import { View } from '../../src-renderer/state/view.svelte.ts';
import { blob, folderOf } from '../fixtures/images.ts';

let session: Session;
const enabled = () => actions.filter(isEnabled).map(({ id }) => id);
beforeAll(async () => {
  register(records);
  const files = await Promise.all([0, 1, 2].map(async (seed) => [`${seed}.png`, await blob(seed)]));
  session = await openPage(folderOf(Object.fromEntries(files) as Record<string, Buffer>));
  return () => session.close();
});
beforeEach(() => {
  const view = new View(session, places);
  Object.assign(app, { session, view, training: new Training(session, view, () => []) });
});
afterEach(() => settings.resetKeys());

describe('records', () => {
  test('ids and default keys are unique', () => {
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
    const keys = records.flatMap((action) => action.keys);
    expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([]);
    expect(() => register([...records, records[0]])).toThrow('keep');
  });

  test('every place has its action', () => {
    expect(
      records.filter(({ group }) => group === 'Places').map(({ id, title, keys }) => ({ id, title, keys })),
    ).toEqual(places.map(({ id, title, keys }) => ({ id, title, keys })));
  });
});

describe('contexts', () => {
  test('without a folder only the actions of the window are enabled', () => {
    Object.assign(app, { session: null, view: null, training: null });
    expect(enabled()).toEqual(['theme', 'palette', 'keys', 'open']);
  });

  test('grid, cursor, loupe and comparison enable their own actions', () => {
    const { view } = app;
    const inGrid = enabled();
    expect(inGrid).toEqual(expect.arrayContaining(['right', 'page-down', 'select-all', 'search', 'map']));
    for (const id of ['keep', 'loupe', 'zoom-in', 'keep-active', 'back', 'compare']) expect(inGrid).not.toContain(id);
    perform('right');
    expect(enabled()).toEqual(expect.arrayContaining(['keep', 'label-1', 'loupe', 'compare', 'tag']));
    perform('loupe');
    expect(view?.loupe.mode).toBe('loupe');
    expect(enabled()).toEqual(expect.arrayContaining(['zoom-in', 'rotate-left', 'back']));
    expect(enabled()).not.toContain('page-down');
    perform('compare');
    expect(view?.loupe.mode).toBe('compare2');
    expect(enabled()).toContain('keep-active');
    perform('back');
    expect(view?.loupe.mode).toBe('grid');
  });

  test('a place opens with the grid; actions on images are disabled while it shows no images', () => {
    perform('right');
    perform('loupe');
    perform('train');
    expect([app.view?.place.id, app.view?.loupe.mode]).toEqual(['train', 'grid']);
    for (const id of ['keep', 'right', 'select-all', 'search', 'accept-label']) expect(enabled()).not.toContain(id);
    perform('keep'); // not enabled: nothing happens
    expect(session.samples.every(({ decision }) => decision === null)).toBe(true);
    perform('issues');
    app.view!.checkId = 'tiny';
    perform('issues');
    expect(app.view?.checkId).toBeNull();
  });
});

describe('keys', () => {
  const event = (key: string, modifiers: Partial<KeyboardEvent> = {}) => ({
    key,
    ctrlKey: false,
    metaKey: false,
    shiftKey: false,
    ...modifiers,
  });

  test('names of pressed keys', () => {
    expect(keyName(event('P'))).toBe('p');
    expect(keyName(event('P', { shiftKey: true }))).toBe('shift+p');
    expect(keyName(event('?', { shiftKey: true }))).toBe('?');
    expect(keyName(event('Z', { metaKey: true, shiftKey: true }))).toBe('ctrl+shift+z');
    expect(keyName(event('ArrowLeft', { shiftKey: true }))).toBe('shift+arrowleft');
    expect(keyName(event('Shift', { shiftKey: true }))).toBeNull();
    expect(['ctrl+shift+z', ' ', '+', 'arrowup'].map(shownKey)).toEqual(['Ctrl Shift Z', 'Space', '+', '↑']);
  });

  test('a reassigned key is used in tooltips, palette, native menu and keyboard', () => {
    settings.setKeys('map', ['ctrl+m']);
    settings.setKeys('keep', ['j']);
    expect([actionOf('ctrl+m')?.id, actionOf('m'), actionOf('j')?.id]).toEqual(['map', undefined, 'keep']);
    expect([shortcutOf('map'), shortcutOf('keep')]).toEqual(['Ctrl M', 'J']);
    expect(offer().usual.find(({ id }) => id === 'map')?.key).toBe('Ctrl M');
    expect(menuItems().find(({ id }) => id === 'map')?.key).toBe('ctrl+m');
  });
});

describe('the native menu', () => {
  const template = (platform: NodeJS.Platform, chosen: string[] = []) =>
    menuTemplate(menuItems(), platform, { perform: (id) => chosen.push(id), openWindow: () => chosen.push('window') });
  const titles = (platform: NodeJS.Platform) =>
    template(platform).map(({ label, role, submenu }) => [
      label ?? role,
      Array.isArray(submenu) ? submenu.map((item) => item.label ?? item.role ?? '-') : [],
    ]);

  test('contains the actions and the system’s items', () => {
    expect(Object.fromEntries(titles('linux'))).toEqual({
      File: ['Open folder…', 'Import decisions and labels…', 'Export…', '-', 'New window', 'quit'],
      Edit: ['Undo', 'Redo', 'History…', '-', 'Select all shown', '-', 'cut', 'copy', 'paste'],
      View: [
        'Hide or show the side panels',
        'Dark or light',
        '-',
        ...places.map(({ title }) => title),
        '-',
        'zoomIn',
        'zoomOut',
        'resetZoom',
        'togglefullscreen',
        'toggleDevTools',
      ],
      Help: ['All commands…', 'Keyboard shortcuts…'],
    });
    expect(titles('darwin')[0]).toEqual(['appMenu', []]);
    expect(titles('darwin')[1][1]).toContain('close');
  });

  test('shows the first key of each action and leaves key presses to the page', () => {
    const chosen: string[] = [];
    settings.setKeys('undo', ['ctrl+shift+u', 'ctrl+z']);
    const [, edit] = template('linux', chosen);
    const [undo] = edit.submenu as { accelerator: string; registerAccelerator: boolean; click(): void }[];
    expect(undo).toMatchObject({ accelerator: 'CmdOrCtrl+Shift+U', registerAccelerator: false });
    undo.click();
    expect(chosen).toEqual(['undo']);
    expect(template('linux', chosen)[0].submenu).toEqual(
      expect.arrayContaining([expect.objectContaining({ id: 'open' })]),
    );
  });

  test('a key that a menu cannot show is left out, on a Mac also a single letter', () => {
    const on = (platform: NodeJS.Platform) =>
      ['g', '?', 'ctrl+arrowleft', 'ctrl++', ' ', 'ß', 'f5', 'ctrl+e'].map((key) => acceleratorOf(key, platform));
    expect(on('linux')).toEqual(['G', '?', 'CmdOrCtrl+Left', 'CmdOrCtrl+Plus', 'Space', null, 'F5', 'CmdOrCtrl+E']);
    expect(on('darwin')).toEqual([null, null, 'CmdOrCtrl+Left', 'CmdOrCtrl+Plus', null, null, 'F5', 'CmdOrCtrl+E']);
  });
});

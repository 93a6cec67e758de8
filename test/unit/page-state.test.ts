/** State of the page that needs no folder: zoom, settings, messages. */
import '../fixtures/page.ts';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { LoupeState } from '../../src-renderer/state/loupe.svelte.ts';
import { notices } from '../../src-renderer/state/notices.svelte.ts';
import { settings } from '../../src-renderer/state/settings.svelte.ts';
import type { Frame } from '../../src-renderer/lib/zoom.ts';

const frame = (width: number, height: number): Frame => ({
  image: { width, height },
  viewport: { width: 400, height: 300 },
  rotation: 0,
  pixelRatio: 1,
  marginPx: 0,
});

describe('the loupe', () => {
  test('one pane, then two; the grid forgets zoom and rotation', () => {
    const loupe = new LoupeState();
    expect([loupe.panes, loupe.isComparing, loupe.level]).toEqual([0, false, null]);
    loupe.mode = 'loupe';
    const end = loupe.attend(0, frame(800, 600));
    expect([loupe.panes, loupe.isFit, loupe.level]).toEqual([1, true, 0.5]);
    loupe.toggleZoom();
    expect([loupe.isFit, loupe.level]).toEqual([false, 1]);
    loupe.zoomBy(2);
    expect(loupe.level).toBe(2);
    loupe.rotate(90);
    loupe.rotate(90);
    expect(loupe.rotation).toBe(180);
    loupe.mode = 'grid';
    expect([loupe.isFit, loupe.rotation]).toEqual([true, 0]);
    end();
    expect(loupe.level).toBeNull();
  });

  test('panes show the same spot; activating another pane does not move the image', () => {
    const loupe = new LoupeState();
    loupe.mode = 'compare2';
    const frames = [frame(800, 600), frame(1600, 1200)];
    frames.forEach((own, pane) => loupe.attend(pane, own));
    loupe.zoomTo(1, { x: 100, y: 75 }, 0);
    const seen = () => frames.map((own, pane) => loupe.zoomOf(pane, own));
    const before = seen();
    expect(before[0].level).toBe(1);
    expect(before[1].centre.x).toBeCloseTo(before[0].centre.x, 12);
    loupe.step(1);
    expect(loupe.active).toBe(1);
    seen().forEach((zoom, pane) => {
      expect(zoom.level).toBeCloseTo(before[pane].level as number, 12);
      expect(zoom.centre.x).toBeCloseTo(before[pane].centre.x, 12);
      expect(zoom.centre.y).toBeCloseTo(before[pane].centre.y, 12);
    });
    loupe.step(5);
    expect(loupe.active).toBe(1); // there is no third
  });
});

describe('settings without a database', () => {
  afterEach(() => settings.resetKeys());

  test('the keys of an action can be changed and reset', () => {
    settings.setKeys('keep', ['j']);
    settings.setKeys('reject', []);
    expect(settings.keys).toEqual({ keep: ['j'], reject: [] });
    settings.setKeys('keep', null);
    expect(settings.keys).toEqual({ reject: [] });
  });

  test('the theme switches between dark and light on the page', () => {
    Object.assign(globalThis, { document: { documentElement: { dataset: {} } } });
    expect(settings.shownTheme).toBe('light'); // the system's theme
    settings.toggleTheme();
    expect([settings.shownTheme, document.documentElement.dataset.theme]).toEqual(['dark', 'dark']);
    settings.toggleTheme();
    expect(settings.shownTheme).toBe('light');
  });

  test('settings that cannot be stored are lost without an error', async () => {
    await settings.addRecent('/photos');
    expect(settings.recents).toEqual([]);
    await settings.rememberPlace('w', 'a.png');
    expect(await settings.placeIn('w')).toBeNull();
  });
});

describe('messages', () => {
  test('each message is shown once, one notice at a time, and errors until they are dismissed', () => {
    vi.useFakeTimers();
    notices.add('info', 'first');
    notices.add('info', 'second');
    notices.add('error', 'lost', { stays: true });
    notices.add('error', 'lost', { stays: true });
    expect(notices.list.map(({ text }) => text)).toEqual(['second', 'lost']);
    vi.advanceTimersByTime(60_000);
    expect(notices.list.map(({ text }) => text)).toEqual(['lost']);
    notices.dismiss(notices.list[0].id);
    expect(notices.list).toEqual([]);
    vi.useRealTimers();
  });
});

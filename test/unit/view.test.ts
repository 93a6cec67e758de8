/** What the window shows for a folder: the state classes with the real places and a real engine. */
import { openPage } from '../fixtures/page.ts';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { places } from '../../src-renderer/places/index.ts';
import { DuplicateList } from '../../src-renderer/state/duplicates.svelte.ts';
import type { Session } from '../../src-renderer/state/session.svelte.ts';
import { Suspects } from '../../src-renderer/state/suspects.svelte.ts';
import { View } from '../../src-renderer/state/view.svelte.ts';
import { blob, folderOf } from '../fixtures/images.ts';

let session: Session;
let view: View;
const paths = () => view.shown.map(({ path }) => path);
/** A refresh requested before an edit may arrive after it: the state becomes right eventually, not at once. */
const soon = (check: () => void) => vi.waitFor(check, 30_000);
const at = (path: string) => session.samples.find((sample) => sample.path === path)!;

/** Two classes of three images, a copy across them, a file with a wrong extension. */
beforeAll(async () => {
  const [first, ...others] = await Promise.all([0, 1, 2, 3, 4, 5].map((seed) => blob(seed)));
  const names = ['cat/2.png', 'cat/10.png', 'dog/1.png', 'dog/2.png', 'dog/wrong.jpg'];
  session = await openPage(
    folderOf({ 'cat/1.png': first, 'dog/copy.png': first, ...Object.fromEntries(names.map((n, i) => [n, others[i]])) }),
  );
  return () => session.close();
});
beforeEach(async () => {
  const ids = session.samples.map(({ id }) => id);
  await session.edit(ids, { decision: null, label: null });
  await soon(() => expect(session.samples.every((own) => own.decision === null && own.label === null)).toBe(true));
  view = new View(session, places);
});

describe('places', () => {
  test('the first is open; another is opened by its id', () => {
    expect(view.place.id).toBe('gallery');
    view.go('map');
    expect(view.place.title).toBe('Map');
    expect(() => view.go('nowhere')).toThrow('nowhere');
  });

  test('each has a title, a unique key and a main panel', () => {
    expect(new Set(places.flatMap(({ keys }) => keys)).size).toBe(places.length);
    for (const place of places) {
      view.go(place.id);
      expect(place.title).not.toBe('');
      expect(place.middle(view)).toBeTypeOf('function');
    }
  });

  test('issues start with an overview; a check shows the images that it flags, and becomes the reason of a decision', async () => {
    view.go('issues');
    expect([view.isBrowsing, view.lens, view.seen]).toEqual([false, null, 'panel']);
    view.checkId = 'wrong-extension';
    expect(view.isBrowsing).toBe(true);
    expect(view.clause).toBe('wrong-extension >= 0.5');
    expect(view.order).toEqual({ by: 'wrong-extension', descending: true });
    await soon(() => expect(paths()).toEqual(['dog/wrong.jpg']));
    view.move(0);
    await view.decide('reject');
    await soon(() =>
      expect(at('dog/wrong.jpg')).toMatchObject({ decision: 'reject', reason: 'wrong-extension >= 0.5' }),
    );
    view.draggedThreshold = 2;
    expect(paths()).toEqual([]);
    view.place.reopen?.(view);
    expect(view.isBrowsing).toBe(false);
  });

  test('badges count open items', () => {
    const counts = Object.fromEntries(places.map(({ id, badge }) => [id, badge?.(session).count]));
    expect(counts).toMatchObject({ gallery: undefined, issues: 15, duplicates: 2, labels: 0 });
  });

  test('flagged images without a decision are rejected together', async () => {
    view.go('issues');
    view.checkId = 'wrong-extension';
    await soon(() => expect(view.shown.length).toBe(1));
    await view.rejectFlagged();
    const rejected = () => session.samples.filter(({ decision }) => decision === 'reject').map(({ path }) => path);
    await soon(() => expect(rejected()).toEqual(['dog/wrong.jpg']));
  });
});

describe('the list of images', () => {
  test('is sorted by path, by a property or by a column, and grouped under names', async () => {
    expect(paths()[0]).toBe('cat/1.png');
    view.galleryOrder = { by: 'path', descending: true };
    expect(paths()[0]).toBe('dog/wrong.jpg');
    view.galleryOrder = { by: 'brightness', descending: false };
    await soon(() => expect(session.values('brightness').length).toBeGreaterThan(0));
    const values = view.shown.map(({ id }) => session.values('brightness')[id]);
    expect(values).toEqual(values.toSorted((a, b) => a - b));
    view.galleryOrder = { by: 'path', descending: false };
    view.grouping = 'class';
    expect(view.sections).toEqual([
      { title: 'cat', from: 0, to: 3 },
      { title: 'dog', from: 3, to: 7 },
    ]);
    view.grouping = 'duplicate';
    expect(view.sections.map(({ title, from, to }) => [title, to - from])).toEqual([
      ['2 · near', 3], // includes the copies
      ['no duplicates', 4],
    ]);
  });

  test('all filter clauses apply, and each chip removes one', () => {
    view.filter.choose('class', 'dog', false);
    view.filter.text = 'w';
    expect(paths()).toEqual(['dog/wrong.jpg']);
    expect(view.isNarrowed).toBe(true);
    expect(view.filter.expression).toBe("(path contains 'w' or tag contains 'w') and class = 'dog'");
    view.filter.chips.find(({ key }) => key === 'text')?.remove();
    expect(paths().length).toBe(4);
    expect(view.filter.valuesOf('class').map(({ value, count }) => [value, count])).toEqual([
      ['dog', 4],
      ['cat', 3],
      ['', 0],
    ]);
    view.filter.where = 'width <';
    expect(view.filter.problem).toBeTypeOf('string');
    view.clearFilters();
    expect(paths().length).toBe(7);
  });

  test('a saved view opens in the gallery with its filter and order', () => {
    view.go('map');
    view.openView({ name: 'dogs', where: "class = 'dog'", order: { by: 'bytes', descending: true } });
    expect([view.place.id, view.shown.length, view.order.by]).toEqual(['gallery', 4, 'bytes']);
    expect(view.asView('again')).toEqual({
      name: 'again',
      where: "class = 'dog'",
      order: { by: 'bytes', descending: true },
    });
  });
});

describe('cursor and selection', () => {
  test('the cursor stays within the list', () => {
    view.move(5);
    expect(view.currentIndex).toBe(0); // without a cursor to the first image
    view.move(-1);
    expect(view.currentIndex).toBe(0);
    view.move(Infinity);
    expect(view.current?.path).toBe('dog/wrong.jpg');
  });

  test('selects a range from the anchor, additional images, all, or the inverse', () => {
    view.move(0);
    view.move(2, true);
    expect(view.chosen()).toEqual(view.shown.slice(0, 3).map(({ id }) => id));
    view.pick(view.shown[1], { toggle: true, range: false });
    expect(view.chosen()).toEqual([view.shown[0].id, view.shown[2].id]);
    view.invertSelection();
    expect(view.selection.size).toBe(5);
    view.selectAll();
    expect(view.selection.size).toBe(7);
    view.clearSelection();
    expect(view.chosen()).toEqual([view.shown[1].id]);
  });

  test('a decision on one image moves the cursor on; a decision on a selection does not', async () => {
    view.move(0);
    await view.decide('keep');
    expect(view.currentIndex).toBe(1);
    await soon(() => expect(at('cat/1.png').decision).toBe('keep'));
    view.nextUndecided();
    expect(view.currentIndex).toBe(2);
    view.select([view.shown[4].id, view.shown[5].id], false);
    await view.decide('unsure');
    expect(view.currentIndex).toBe(2);
    await soon(() => expect(view.shown.filter(({ decision }) => decision === 'unsure').length).toBe(2));
    await soon(() => expect(view.filter.progress).toEqual({ reviewed: 3, of: 7 }));
  });

  test('a digit sets the label of its class, and can restore the folder’s class', async () => {
    view.move(0);
    await view.labelByKey(2);
    await soon(() => expect(at('cat/1.png')).toMatchObject({ label: 'dog', class: 'dog' }));
    view.cursor = at('cat/1.png').id;
    await view.labelByKey(0);
    await soon(() => expect(at('cat/1.png')).toMatchObject({ label: null, class: 'cat' }));
  });
});

describe('loupe and comparison', () => {
  test('the loupe needs a cursor, a comparison two images', () => {
    view.loupe.mode = 'loupe';
    expect(view.seen).toBe('panel');
    view.move(0);
    expect(view.seen).toBe('loupe');
    view.loupe.mode = 'compare4';
    expect([view.seen, view.compared.length, view.active?.path]).toEqual(['compare', 4, 'cat/1.png']);
    view.filter.text = 'wrong';
    expect(view.seen).toBe('panel'); // one selected image that is not under the cursor
    view.go('train');
    expect(view.seen).toBe('panel');
  });

  test('a selection is compared in panes; the active image is kept, the others are rejected', async () => {
    view.select(
      view.shown.slice(2, 5).map(({ id }) => id),
      false,
    );
    view.loupe.mode = 'compare2';
    expect(view.compared.map(({ path }) => path)).toEqual(view.shown.slice(2, 4).map(({ path }) => path));
    view.cursor = view.shown[4].id;
    expect(view.compared.map(({ path }) => path)).toEqual(view.shown.slice(3, 5).map(({ path }) => path));
    const [kept, rejected] = view.compared;
    await view.keepActive();
    await soon(() => expect(session.sample(kept.id)?.decision).toBe('keep'));
    await soon(() =>
      expect(session.sample(rejected.id)).toMatchObject({ decision: 'reject', reason: `compared with ${kept.path}` }),
    );
  });
});

describe('lists of a place', () => {
  test('duplicates: a group across classes, the image to keep, and resolved groups', async () => {
    const list = DuplicateList.of(session, view);
    expect(DuplicateList.of(session, view)).toBe(list);
    view.go('duplicates');
    expect(list.kinds).toEqual([
      { kind: 'exact', count: 1 },
      { kind: 'near', count: 1 },
    ]);
    list.kind = 'exact';
    view.listed = list.listed;
    expect(paths()).toEqual(['cat/1.png', 'dog/copy.png']);
    // Its classes differ, so that ‘keep best’ of all groups leaves it to a person.
    await soon(() => expect([list.acrossClasses, list.open.length, list.rejects.size]).toEqual([1, 1, 0]));
    expect(list.leftOut).toEqual([{ reason: 'the classes differ', count: 1 }]);
    list.moveByRow(0);
    list.move(1);
    expect(view.current?.path).toBe('dog/copy.png');
    await list.decide('reject');
    await soon(() => expect(at('dog/copy.png').reason).toBe('exact duplicate of cat/1.png'));
    await soon(() => expect(list.open).toEqual([]));
    list.hideSettled();
    expect(list.groups).toEqual([]);
    list.showAll();
    expect(list.groups.length).toBe(2);
  });

  test('suspected labels: none before the search', () => {
    const suspects = Suspects.of(session, view);
    expect([suspects.waiting, suspects.pairs, suspects.chosen, suspects.classifiers]).toEqual([[], [], [], []]);
  });
});

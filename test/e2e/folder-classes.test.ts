/** Folders that can be read in several ways: the page says what was chosen and why, a person chooses otherwise and takes it back. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { winnowJson } from '../fixtures/command.ts';
import { blob, folderOf } from '../fixtures/images.ts';
import { openDoor, temporary, violationsInBothLights, type OpenDoor } from './door.ts';
import { collectFaults } from './engine.ts';

const own = temporary();
const folder = join(own.work, 'fruit');
let faults: string[];
let door: OpenDoor;
let page: Page;

beforeAll(async () => {
  mkdirSync(own.work, { recursive: true });
  const names = ['apple/ripe', 'apple/raw', 'pear/ripe', 'pear/raw', '.thumbnails'];
  const files = await Promise.all(names.map(async (name, i) => [`${name}/0.png`, await blob(i)] as const));
  cpSync(folderOf(Object.fromEntries(files)), folder, { recursive: true });
  door = await openDoor(own.data, folder);
  page = door.page;
  faults = collectFaults(page);
  await page.getByText('4 shown').waitFor();
  await page.getByRole('contentinfo').getByText('1 hidden or system folder left out: .thumbnails').waitFor();
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const choice = () => page.getByRole('group', { name: 'Classes by folders' });
const place = (name: string) =>
  page
    .getByRole('navigation')
    .getByRole('button', { name: new RegExp(`^${name}`) })
    .click();
const classes = async () =>
  (await winnowJson<{ samples: { class: string | null }[] }>(['show', folder], { WINNOW_DATA: own.data })).samples.map(
    (sample) => sample.class,
  );

test('the gallery asks which folder is the class, with the number of classes of each rule', async () => {
  expect(await choice().getByRole('paragraph').textContent()).toBe(
    'Folders lie in each other: the first is the class (apple, not raw or apple/raw).',
  );
  expect(await choice().getByRole('option').allTextContents()).toEqual([
    'automatic',
    'first folder: 2 classes',
    'last folder: 2 classes',
    'whole path: 4 classes',
    'no folder',
  ]);
  expect(await classes()).toEqual(['apple', 'apple', 'pear', 'pear']);
  expect(await violationsInBothLights(page)).toEqual([]);
});

test('another choice gives all images their classes; undo takes it back', async () => {
  await choice().getByLabel('Class by').selectOption('path');
  await page.getByRole('button', { name: /^apple\/raw/ }).waitFor();
  expect(await classes()).toEqual(['apple/raw', 'apple/ripe', 'pear/raw', 'pear/ripe']);
  expect(await choice().getByRole('paragraph').textContent()).toBe('All folders together are the class, as chosen.');
  await page.keyboard.press('Control+z');
  await page.getByRole('button', { name: /^apple 2/ }).waitFor();
  expect(await classes()).toEqual(['apple', 'apple', 'pear', 'pear']);
  expect(await choice().getByLabel('Class by').inputValue()).toBe('auto');
});

test('the place Train has the same choice; with no class it says why', async () => {
  await place('Train');
  await choice().getByLabel('Class by').selectOption('none');
  await page.getByText('Training a classifier needs at least two classes.').waitFor();
  await page.getByRole('main').getByText('No folder is a class, as chosen.').nth(1).waitFor();
  await choice().getByLabel('Class by').selectOption('auto');
  await page.getByText('Training a classifier needs at least two classes.').waitFor({ state: 'detached' });
  await place('Issues');
  await page.getByText('1 hidden or system folder left out: .thumbnails.').waitFor();
});

/** Searches for hyperparameters in the page: a real one is started, watched, paused, understood and kept; a stored one with a thousand trials stays quick. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { defaultWorkspace } from '../../src-main/workspace/folders.ts';
import { copyDigits } from '../fixtures/images.ts';
import { madeSearch, madeTrial } from '../fixtures/many-trials.ts';
import { openWorkspace } from '../fixtures/workspace.ts';
import { doorName, temporary, violationsInBothLights, type OpenDoor } from './door.ts';
import { loadFresh, openScanned } from './engine.ts';

const own = temporary();
const digits = join(own.work, 'digits');
const stored = join(own.work, 'stored');
const manyTrials = 1000;
let door: OpenDoor;
let page: Page;
let faults: string[];

beforeAll(async () => {
  copyDigits(digits, ['0', '1', '2'], 12);
  copyDigits(stored, ['0', '1'], 2);
  process.env.WINNOW_DATA = own.data;
  mkdirSync(defaultWorkspace(stored), { recursive: true });
  const workspace = openWorkspace(stored, defaultWorkspace(stored), false);
  const trials = Array.from({ length: manyTrials }, (_, i) => madeTrial(i + 1));
  workspace.runs.put(madeSearch(trials));
  for (const trial of trials) workspace.trials.put('search-1', trial);
  await workspace.close();
  ({ door, page, faults } = await openScanned(own.data, digits, 36));
});
afterEach(() => expect(faults.splice(0)).toEqual([]));
afterAll(async () => {
  await door?.close();
  own.remove();
});

const inBothLights = () => violationsInBothLights(page);
const form = () => page.getByRole('complementary', { name: 'Experiments' });
const tab = (name: string) => page.getByRole('tab', { name, exact: true });
const rows = () => page.getByRole('region', { name: 'Trials' }).locator('tbody tr:not([aria-hidden])');
const state = (word: string) => page.locator('.chip', { hasText: new RegExp(`^${word}$`) });
const openSearches = async () => {
  await page.getByRole('navigation').getByRole('button', { name: 'Experiments' }).click();
  await tab('Search').click();
};
/** The number of finished trials in the header. */
const finished = async () =>
  Number(
    /^(\d+) of/.exec(
      await page
        .locator('dl div', { hasText: /^trials/ })
        .locator('dd')
        .first()
        .innerText(),
    )?.[1],
  );

const space = {
  learningRate: { type: 'float', low: 0.001, high: 0.05, log: true },
  optimizer: { type: 'categorical', choices: ['adamw', 'sgd'] },
  momentum: { type: 'float', low: 0.5, high: 0.95, when: { optimizer: ['sgd'] } },
};

describe(`searches, ${doorName}`, () => {
  test('the form follows Train; a wrong space says what is wrong and where, and cannot be started', async () => {
    await page.getByRole('navigation').getByRole('button', { name: 'Train' }).click();
    const train = page.getByRole('complementary', { name: 'Train' });
    await page.getByRole('radio', { name: 'From scratch' }).click();
    await train.getByLabel('Architecture').selectOption('cnn');
    await train.getByLabel('Size', { exact: true }).selectOption('32');
    await train.getByLabel('Epochs', { exact: true }).fill('12');
    await train.getByLabel('Width', { exact: true }).fill('4');
    await train.getByLabel('Width', { exact: true }).press('Tab');
    await train.getByRole('button', { name: 'Search…' }).click();
    await page.getByRole('heading', { name: 'No search yet' }).waitFor();
    expect(await form().getByLabel('Architecture').inputValue()).toBe('cnn');
    await form().getByLabel('Search Learning rate').waitFor();
    expect(await inBothLights()).toEqual([]);

    const start = form().getByRole('button', { name: 'Start search' });
    await form().getByLabel('Learning rate, lowest').fill('1');
    await form().getByLabel('Learning rate, lowest').press('Tab');
    await form().getByText('The lower bound must be below the upper one.').first().waitFor();
    expect(await start.isDisabled()).toBe(true);
    await form().getByRole('button', { name: 'Reset' }).click();
    expect(await start.isDisabled()).toBe(false);

    await form().getByRole('button', { name: 'as JSON' }).click();
    const json = form().getByLabel('Space as JSON');
    await json.fill('{\n  "learningRatte": { "type": "float", "low": 0.001, "high": 0.05 }\n}');
    await form()
      .getByText(/^Line 2, column 3: ‘learningRatte’ is no parameter/)
      .waitFor();
    expect(await start.isDisabled()).toBe(true);
    await json.fill(JSON.stringify(space, null, 2));
    await expect.poll(() => start.isDisabled()).toBe(false);
    expect(await inBothLights()).toEqual([]);
    await form().getByRole('button', { name: 'as JSON' }).click();
    await form().getByText('Space 3 parameters').waitFor();
    expect(await form().getByLabel('Learning rate, lowest').inputValue()).toBe('0.001');
    await form().getByText('only where Optimizer is sgd').waitFor();
  });

  test('a search is watched, paused, resumed; a trial is stopped; the best one becomes a run', async () => {
    await form().getByLabel('Number of trials').fill('60');
    await form().getByLabel('Stopper').selectOption('none');
    await form().getByRole('button', { name: 'Start search' }).click();
    await state('running').waitFor();
    await expect.poll(finished, { timeout: 120_000 }).toBeGreaterThanOrEqual(2);
    await page.getByRole('img', { name: 'Best validation accuracy so far, over trials' }).waitFor();
    expect(await page.getByText(/^known after the first trial$/).count()).toBe(0);

    await tab('Trials').click();
    expect(await rows().count()).toBeGreaterThanOrEqual(2);
    await rows().filter({ hasText: 'running' }).first().click();
    const detail = page.getByRole('complementary', { name: /^Trial \d+$/ });
    const stop = detail.getByRole('button', { name: 'Stop this trial' });
    // Trials are short: one may end before it is stopped.
    for (
      let tries = 0;
      tries < 40 &&
      !(await rows()
        .filter({ hasText: /stopped/ })
        .count());
      tries++
    ) {
      await rows()
        .filter({ hasText: 'running' })
        .first()
        .click({ timeout: 2000 })
        .catch(() => undefined);
      await stop.click({ timeout: 2000 }).catch(() => undefined);
      await page.waitForTimeout(300);
    }
    await rows()
      .filter({ hasText: /stopped/ })
      .first()
      .click();
    await detail.getByText('Stopped by you.').waitFor();
    faults.splice(0, Infinity, ...faults.filter((fault) => !/Failed to load resource/.test(fault))); // it had ended before

    await page.getByRole('button', { name: 'Pause' }).click();
    await state('paused').waitFor();
    const before = await finished();
    expect(await inBothLights()).toEqual([]);
    await page.waitForTimeout(1500);
    expect(await finished()).toBe(before);
    await page.getByRole('button', { name: 'Resume' }).click();
    await state('running').waitFor();
    await expect.poll(finished, { timeout: 120_000 }).toBeGreaterThan(Math.max(before, 6));

    await page.getByRole('button', { name: 'Change…' }).click();
    const change = page.getByRole('complementary', { name: 'Change the search' });
    await change.getByLabel('Number of trials').fill('50');
    await change.getByRole('button', { name: 'Apply' }).click();
    await page.getByText(/^\d+ of 50$/).waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await state('paused').waitFor();

    await page.getByRole('button', { name: 'Keep best as a run' }).click();
    await page.getByRole('button', { name: /^Open cnn-\d+$/ }).click({ timeout: 120_000 });
    await page.getByRole('complementary', { name: 'Train' }).waitFor();
    expect(await page.getByLabel('Run', { exact: true }).inputValue()).toMatch(/^cnn-\d+$/);
    await openSearches();
  });

  test('the surrogate shows what the search believes, along each parameter and back through the trials', async () => {
    await tab('Surrogate').click();
    await page.getByLabel('Parameter', { exact: true }).selectOption('learningRate');
    await page
      .getByRole('img', { name: 'Mean and 95 % band of the surrogate along learning rate, with the trials' })
      .waitFor();
    await page.getByText('Next suggestion:').waitFor();
    const said = () => page.locator('#search-panel .words').innerText();
    const now = await said();
    const slider = page.getByRole('slider', { name: 'After trial' });
    await slider.focus();
    await slider.press('ArrowLeft');
    await slider.press('ArrowLeft');
    await expect.poll(said).not.toBe(now);
    await slider.press('Home');
    await page.getByText(/^0 of \d+$/).waitFor();
    await slider.press('End');
    await expect.poll(said).toBe(now);
    expect(await inBothLights()).toEqual([]);
    await page.getByLabel('Second parameter').selectOption('momentum');
    await page.getByRole('group', { name: 'Mean of validation accuracy over Learning rate and Momentum' }).waitFor();
    await page.getByRole('radio', { name: 'Expected improvement' }).click();
    await page.getByRole('group', { name: /^Expected improvement of/ }).waitFor();
    expect(await inBothLights()).toEqual([]);
    await tab('Parameters').click();
    await page.getByRole('heading', { name: 'Importance' }).waitFor();
    await page.getByRole('row', { name: /^Learning rate/ }).waitFor();
    await page
      .getByText(/^\d+ trials? without it$/)
      .first()
      .waitFor(); // momentum, of those with adamw
    expect(await inBothLights()).toEqual([]);
  });

  test('a thousand trials: only the rows in sight are in the page, and an interaction is quick', async () => {
    await loadFresh(page, stored);
    await openSearches();
    await page
      .getByText(`of ${manyTrials.toLocaleString('en')}`)
      .first()
      .waitFor();
    await tab('Trials').click();
    await rows().first().waitFor();
    expect(await rows().count()).toBeLessThan(60);
    /** Milliseconds from the action to the next frame, in the page. */
    const timed = async (name: string, act: () => Promise<unknown>) => {
      await page.evaluate(() => {
        const own = window as unknown as { longest: number };
        own.longest = 0;
        new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) own.longest = Math.max(own.longest, duration);
        }).observe({ type: 'longtask' });
      });
      await act();
      await page.waitForTimeout(400);
      const ms = await page.evaluate(() => (window as unknown as { longest: number }).longest);
      console.log(`1,000 trials, ${doorName}, ${name}: longest task ${ms ? `${Math.round(ms)} ms` : 'below 50 ms'}`);
    };
    const heading = (name: string) => page.getByRole('columnheader', { name }).getByRole('button');
    await timed('sort by value', () => heading('validation accuracy').click());
    const best = await rows().first().innerText();
    await timed('sort back', () => heading('validation accuracy').click());
    expect(await rows().first().innerText()).not.toBe(best);
    await timed('scroll', () =>
      page.getByRole('region', { name: 'Trials' }).evaluate((region) => (region.scrollTop = 14_000)),
    );
    await expect.poll(async () => Number(await rows().first().getAttribute('aria-rowindex'))).toBeGreaterThan(400);
    expect(await rows().count()).toBeLessThan(60);
    await timed('choose a trial', () => rows().nth(10).click());
    await page.getByRole('complementary', { name: /^Trial \d+$/ }).waitFor();
    await page.getByRole('region', { name: 'Trials' }).press('ArrowDown');
    await timed('open the curve', () => tab('Progress').click());
    await timed('logarithmic', () => page.getByLabel('Logarithmic', { exact: true }).check());
    await timed('stopped trials', () => page.getByLabel(/stopped trials$/).check());
    await timed('over time', () => page.getByLabel('Horizontal axis').selectOption('time'));
    await timed('open the parameters', () => tab('Parameters').click());
    await page.getByRole('heading', { name: 'Slices' }).waitFor();
    expect(await page.locator('canvas').count()).toBeLessThan(20);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    const [file] =
      doorName === 'browser'
        ? await Promise.all([
            page.waitForEvent('download'),
            page.getByRole('button', { name: 'Trials as CSV' }).click(),
          ])
        : [null];
    expect(file?.suggestedFilename() ?? 'search-1.csv').toBe('search-1.csv');
  });
});

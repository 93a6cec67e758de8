/**
 * The learning-rate range test, every schedule and early stopping as the page shows them: a small `cnn` on sign-digits at 32 px, trained through the
 * page's form in a browser, with screenshots of the plots. Prints a table and writes dist/bench/schedules.png.
 *
 *     npm run bench -- schedules [--epochs 40]
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { scheduleIds } from '../../src-main/compute/train/schedules.ts';
import { openClient } from '../../src-main/door/client.ts';
import { openDoor, temporary } from '../e2e/door.ts';
import { sharedSet } from '../fixtures/images.ts';

const { values: options } = parseArgs({
  options: { epochs: { type: 'string', default: '40' } },
  allowPositionals: true,
});
/** Epochs until `step` lowers the rate; epochs without improvement until `plateau` does. */
const every: Partial<Record<string, string>> = { step: '12', plateau: '4' };

const digits = sharedSet('sign-digits');
const own = temporary();
process.env.WINNOW_DATA = own.data;
const door = await openDoor(own.data, digits);
const { page } = door;
await page.setViewportSize({ width: 1280, height: 800 });
const form = page.getByRole('complementary', { name: 'Train' });
const set = async (name: string, value: string) => {
  await form.getByLabel(name, { exact: true }).fill(value);
  await form.getByLabel(name, { exact: true }).press('Tab');
};
const waitForStatus = (text: RegExp) => page.getByRole('contentinfo').getByText(text).waitFor({ timeout: 600_000 });

const pictures: { name: string; png: Buffer }[] = [];
async function picture(name: string) {
  await page
    .getByRole('button', { name: 'Dismiss' })
    .first()
    .click()
    .catch(() => undefined);
  pictures.push({ name, png: await page.getByRole('tabpanel').screenshot({ animations: 'disabled' }) });
}

await waitForStatus(/^Scan: 500 image files/);
await page.getByRole('navigation').getByRole('button', { name: 'Train' }).click();
await page.getByRole('button', { name: 'More…' }).click();
await form.getByLabel('Size', { exact: true }).selectOption('32');
await set('Epochs', options.epochs);
await page.getByRole('button', { name: 'Find rate' }).click();
await waitForStatus(/^Learning rate of .*suggested learning rate/);
await picture('range test');
const suggested = (await page.getByRole('button', { name: /^Use 0/ }).innerText()).replace('Use ', '');
let trained = 0;
async function train(name: string) {
  await form.getByRole('button', { name: 'Train', exact: true }).click();
  await waitForStatus(new RegExp(`cnn-${++trained}: [\\d.]+ % of 75 images correct`));
  await picture(name);
}
for (const id of scheduleIds) {
  await form.getByLabel('Schedule', { exact: true }).selectOption(id);
  if (every[id]) await set('Reduce every', every[id]);
  await train(id);
}
// At the suggested rate and without augmentation the validation loss soon stops improving.
await form.getByLabel('Learning rate', { exact: true }).fill(suggested);
await set('Patience', '5');
await form.getByLabel('Schedule', { exact: true }).selectOption('constant');
await form.getByLabel('Policy', { exact: true }).selectOption('none');
await train('constant, no augmentation, patience 5');
await door.close();

const { calls, close } = await openClient(digits);
const list = (await calls.runs.list.query()).reverse();
const runs = await Promise.all(list.map(({ id }) => calls.runs.get.query({ id })));
await close();
own.remove();

console.log(
  '| schedule | epochs | best epoch | learning rate, first–highest–last | validation loss at best | test accuracy |\n|---|---|---|---|---|---|',
);
for (const { kind, parameters, history, report, classification, rangeTest } of runs) {
  if (kind === 'range-test')
    console.log(
      `range test: ${rangeTest!.points.length} steps, ${rangeTest!.stopped}, suggests ${rangeTest!.suggested?.toPrecision(2)}\n`,
    );
  if (kind !== 'train') continue;
  const rates = history.map(({ learningRate }) => learningRate!);
  const best = history.find(({ epoch }) => epoch === report.bestEpoch)!;
  const { value, low, high } = classification!.evaluation!.accuracy;
  console.log(
    `| ${String(parameters.schedule)}${parameters.policy === 'none' ? ', no augmentation, patience 5' : ''} | ${history.length}${report.stopped === 'early' ? ', stopped early' : ''} | ${best.epoch} | ${[rates[0], Math.max(...rates), rates.at(-1)!].map((rate) => rate.toPrecision(2)).join('–')} | ${best.valLoss!.toFixed(3)} | ${value.toFixed(3)} [${low.toFixed(3)} ${high.toFixed(3)}] |`,
  );
}

const width = 640;
const tiles = await Promise.all(
  pictures.map(async ({ name, png }) => {
    const { data, info } = await sharp(png)
      .extract({ left: 0, top: 0, width: (await sharp(png).metadata()).width, height: 456 })
      .resize({ width })
      .png()
      .toBuffer({ resolveWithObject: true });
    return { name, data, height: info.height };
  }),
);
const rowPx = Math.max(...tiles.map(({ height }) => height)) + 22;
const names = tiles.map(
  ({ name }, i) =>
    `<text x="${(i % 2) * width + 12}" y="${Math.floor(i / 2) * rowPx + 15}" font-family="sans-serif" font-size="13" font-weight="600" fill="#22211e">${name}</text>`,
);
const size = { width: 2 * width, height: Math.ceil(tiles.length / 2) * rowPx };
const file = join('dist', 'bench', 'schedules.png');
mkdirSync(join('dist', 'bench'), { recursive: true });
await sharp({ create: { ...size, channels: 3, background: '#efeeea' } })
  .composite([
    ...tiles.map(({ data }, i) => ({ input: data, left: (i % 2) * width, top: Math.floor(i / 2) * rowPx + 22 })),
    {
      input: Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${names.join('')}</svg>`,
      ),
      left: 0,
      top: 0,
    },
  ])
  .png({ palette: true, colours: 64 })
  .toFile(file);
console.log(`\nPlots: ${file}`);
process.exit(0);

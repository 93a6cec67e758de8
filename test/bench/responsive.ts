/**
 * Response times during a training on all cores: thumbnails fetched by a real page, before and during the training. Prints medians and 95th percentiles and
 * writes dist/bench/responsive.json.
 *
 *   npm run bench -- responsive [--folder FOLDER]
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright';
import { sharedData } from '../fixtures/images.ts';
import { browserPath } from '../../src-main/setup/pieces/browser.mjs';

const root = path.resolve(import.meta.dirname, '..', '..');
const { values: options } = parseArgs({
  options: { folder: { type: 'string', default: path.join(sharedData, 'dirty') } },
  allowPositionals: true,
});
const data = fs.mkdtempSync(path.join(os.tmpdir(), 'winnow-responsive-'));
const serve = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    path.join(root, 'src-main', 'cli.ts'),
    'serve',
    options.folder,
    '--port',
    '0',
  ],
  { env: { ...process.env, WINNOW_DATA: data }, stdio: ['ignore', 'pipe', 'pipe'] },
);
const address = await new Promise<string>((resolve) => {
  let output = '';
  for (const stream of [serve.stdout, serve.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const found = /https?:\/\/\S+/.exec(output);
      if (found) resolve(found[0]);
    });
});
const browser = await chromium.launch({ executablePath: browserPath() ?? undefined, args: ['--no-sandbox'] });
const page = await browser.newPage();
await page.goto(address);
await page.locator('[role=option] img').first().waitFor({ timeout: 120_000 });
await page.getByText(/^Scan: /).waitFor({ timeout: 300_000 });

/** Milliseconds of 400 thumbnails, eight at a time like a page that scrolls, bypassing the browser's caches. */
const thumbnails = (of: Page): Promise<number[]> =>
  of.evaluate(async () => {
    const sources = [...document.querySelectorAll<HTMLImageElement>('[role=option] img')].map((image) => image.src);
    const times: number[] = [];
    let next = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (next < 400) {
          const began = performance.now();
          await (await fetch(sources[next++ % sources.length], { cache: 'no-store' })).arrayBuffer();
          times.push(performance.now() - began);
        }
      }),
    );
    return times;
  });
const summarize = (times: number[]): { median: number; p95: number; most: number } => {
  const sorted = times.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], p95: sorted[Math.floor(sorted.length * 0.95)], most: sorted.at(-1)! };
};

const idle = summarize(await thumbnails(page));
await page.getByRole('navigation').getByRole('button', { name: 'Anomalies' }).click();
await page.getByLabel('Epochs').fill('400');
await page.getByLabel('Epochs').press('Tab');
await page.getByRole('button', { name: /^Train / }).click();
await page
  .getByText(/epoch\s+[1-9]/)
  .first()
  .waitFor({ timeout: 120_000 });
await page.getByRole('navigation').getByRole('button', { name: 'Gallery' }).click();
const training = summarize(await thumbnails(page));
await browser.close();
serve.kill();

console.table({ idle, training });
fs.mkdirSync(path.join(root, 'dist', 'bench'), { recursive: true });
fs.writeFileSync(
  path.join(root, 'dist', 'bench', 'responsive.json'),
  JSON.stringify({ cores: os.availableParallelism(), idle, training }, null, 2),
);
fs.rmSync(data, { recursive: true, force: true, maxRetries: 5 });

/**
 * 1,000 to 100,000 generated images of varied sizes: scan rate, memory of engine and window, time from opening the page to the first tile, time of a
 * filter and of a decision, frame times while scrolling. Prints a table and writes dist/bench/crowd.json.
 *
 *   npm run bench -- crowd [--count 100000] [--at FOLDER]     the images are generated once (about 2 GB) and kept in FOLDER
 */
import { spawn } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import sharp from 'sharp';
import { browserPath } from '../../src-main/setup/pieces/browser.mjs';
import { seeded } from '../fixtures/kills.ts';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    at: { type: 'string', default: join(tmpdir(), 'winnow-crowd') },
    'only-make': { type: 'boolean', default: false },
    'only-look': { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const count = Number(options.count);
const at = resolve(options.at as string);
const root = resolve(import.meta.dirname, '..', '..');
const sizes = [1000, 10_000, 100_000].filter((n) => n <= count);
const node = (args: string[]) =>
  spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(root, 'src-main', 'cli.ts'), ...args], {
    env: { ...process.env, WINNOW_DATA: join(at, 'data') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
const peakMiB = (pid: number) => {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
  } catch {
    return 0;
  }
};

/** Each image is a part of one of 64 rendered scenes; its number determines crop, size and brightness. No two are equal, few are similar. */
async function makeCrowd() {
  const folder = join(at, 'all');
  if (existsSync(join(folder, `done-${count}`))) return;
  const random = seeded(11);
  const scenes: Buffer[] = [];
  for (let i = 0; i < 64; i++) {
    const shapes = Array.from({ length: 40 }, () => {
      const [x, y, r] = [random() * 1600, random() * 1200, 20 + random() * 260];
      const fill = `hsl(${Math.round(random() * 360)} ${Math.round(20 + random() * 60)}% ${Math.round(15 + random() * 70)}%)`;
      return random() < 0.5
        ? `<circle cx="${x}" cy="${y}" r="${r}" fill="${fill}"/>`
        : `<rect x="${x}" y="${y}" width="${r * 2}" height="${r}" fill="${fill}" transform="rotate(${random() * 90} ${x} ${y})"/>`;
    });
    const noise = await sharp({
      create: {
        width: 1600,
        height: 1200,
        channels: 3,
        background: '#000',
        noise: { type: 'gaussian', mean: 128, sigma: 12 },
      },
    })
      .png()
      .toBuffer();
    scenes.push(
      await sharp(
        Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="1200">${shapes.join('')}</svg>`),
      )
        .composite([{ input: noise, blend: 'soft-light' }])
        .removeAlpha()
        .raw()
        .toBuffer(),
    );
  }
  let next = 0;
  const hand = async () => {
    for (let i = next++; i < count; i = next++) {
      const file = join(folder, `class-${i % 20}`, `${String(i).padStart(6, '0')}.jpg`);
      const pick = seeded(i + 1);
      const [width, height] = [Math.round(160 + pick() * 640), Math.round(160 + pick() * 480)];
      const extract = {
        left: Math.floor(pick() * (1600 - width)),
        top: Math.floor(pick() * (1200 - height)),
        width,
        height,
      };
      if (existsSync(file)) continue;
      await sharp(scenes[Math.floor(pick() * 64)], { raw: { width: 1600, height: 1200, channels: 3 } })
        .extract(extract)
        .linear([0.7 + pick() * 0.5, 0.7 + pick() * 0.5, 0.7 + pick() * 0.5], [pick() * 40, pick() * 40, pick() * 40])
        .jpeg({ quality: 70 })
        .toFile(file);
      if (i % 1000 === 0) process.stderr.write(`\r${i} images made `);
    }
  };
  for (let c = 0; c < 20; c++) mkdirSync(join(folder, `class-${c}`), { recursive: true });
  sharp.concurrency(1);
  await Promise.all([hand(), hand(), hand()]);
  writeFileSync(join(folder, `done-${count}`), '');
  process.stderr.write('\n');
}

function folderOf(n: number): string {
  if (n === count) return join(at, 'all');
  const folder = join(at, `first-${n}`);
  for (let i = 0; i < n; i++) {
    const path = join(`class-${i % 20}`, `${String(i).padStart(6, '0')}.jpg`);
    mkdirSync(join(folder, `class-${i % 20}`), { recursive: true });
    if (!existsSync(join(folder, path))) linkSync(join(at, 'all', path), join(folder, path));
  }
  return folder;
}

async function scan(n: number) {
  const workspace = join(at, `workspace-${n}`);
  rmSync(workspace, { recursive: true, force: true });
  const began = performance.now();
  const child = node(['scan', folderOf(n), '--workspace', workspace, '--quiet']);
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, peakMiB(child.pid as number))), 200);
  const code = await new Promise((ended) => child.once('exit', ended));
  clearInterval(watch);
  if (code !== 0) throw new Error(`scan ended with ${code}`);
  const seconds = (performance.now() - began) / 1000;
  return { images: n, seconds: round(seconds), imagesPerSecond: round(n / seconds), peakMiB: peak };
}
const round = (value: number) => Math.round(value * 10) / 10;

async function look(n: number) {
  const server = node(['serve', folderOf(n), '--workspace', join(at, `workspace-${n}`), '--port', '0']);
  const url = await new Promise<string>((resolve) =>
    createInterface({ input: server.stdout as NodeJS.ReadableStream }).once('line', resolve),
  );
  const browser = await chromium.launch({
    executablePath: browserPath() ?? undefined,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const began = performance.now();
  await page.goto(url);
  await page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLImageElement>('[role=option] img')].some(
      (image) => image.complete && image.naturalWidth > 0,
    ),
  );
  const firstTile = performance.now() - began;
  await page.getByText(`${n.toLocaleString('en')} shown`).waitFor({ timeout: 60_000 });
  const all = performance.now() - began;
  await page.getByText(/^Scan: .*, 0 read/).waitFor({ timeout: 120_000 }); // no scan runs during the measurements

  /** Time from the input event to the frame that shows its result. */
  const filterMs: number[] = [];
  for (const expression of [
    'sharpness > 0.002',
    "class = 'class-7' and brightness > 0.5",
    'width > 400 or height > 400',
    "path contains '0123'",
    'entropy > 7 and not bytes < 20000',
  ]) {
    filterMs.push(
      await page.evaluate(async (text) => {
        const field = document.querySelector<HTMLTextAreaElement>('#where-field') as HTMLTextAreaElement;
        const start = performance.now();
        field.value = text;
        field.dispatchEvent(new Event('input', { bubbles: true }));
        await new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)));
        return performance.now() - start;
      }, expression),
    );
  }
  await page.locator('#where-field').fill('');
  await page.getByText(`${n.toLocaleString('en')} shown`).waitFor();

  const frames = await page.evaluate(async () => {
    const list = document.querySelector('[aria-label="Images"] > div') as HTMLElement;
    const deltas: number[] = [];
    let last = 0;
    await new Promise<void>((end) => {
      const step = (now: number) => {
        if (last) deltas.push(now - last);
        last = now;
        list.scrollTop += 24; // about 1,440 px per second
        if (deltas.length < 600) requestAnimationFrame(step);
        else end();
      };
      requestAnimationFrame(step);
    });
    return deltas;
  });
  /** Time from the key press to the frame that shows the decision and the cursor on the next image. */
  await page.getByRole('listbox', { name: 'Images' }).focus();
  const decideMs: number[] = [];
  for (let i = 0; i < 10; i++) {
    decideMs.push(
      await page.evaluate(
        async (key) => {
          const start = performance.now();
          document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
          await new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)));
          return performance.now() - start;
        },
        i ? 'x' : 'Home',
      ),
    );
    await page.waitForFunction(
      (reviewed) => document.querySelector('footer')?.textContent?.includes(reviewed),
      `${i} of `,
    );
  }
  for (let i = 0; i < 9; i++) await page.keyboard.press('Control+z');
  await page.waitForFunction(() => document.querySelector('footer')?.textContent?.includes('0 of ')); // the initial state, for the next measurement
  const rendererMiB = await rendererMemory();
  const result = {
    images: n,
    firstTileMs: Math.round(firstTile),
    allShownMs: Math.round(all),
    filterMs: filterMs.map(Math.round),
    decideMs: decideMs.slice(1).map(Math.round),
    frames: frames.length,
    framesOver33ms: frames.filter((ms) => ms > 33.4).length,
    medianFrameMs: round([...frames].sort((a, b) => a - b)[frames.length >> 1]),
    enginePeakMiB: peakMiB(server.pid as number),
    windowMiB: rendererMiB,
  };
  await browser.close();
  server.kill('SIGTERM');
  return result;
}

/** Memory of the page: the largest renderer process of the browser. */
async function rendererMemory(): Promise<number> {
  const { execFileSync } = await import('node:child_process');
  const list = execFileSync('ps', ['-eo', 'rss,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('--type=renderer'));
  return Math.round(Math.max(0, ...list.map((line) => Number.parseInt(line, 10))) / 1024);
}

await makeCrowd();
if (options['only-make']) process.exit(0);
const scans = [];
for (const n of options['only-look'] ? [] : sizes) scans.push(await scan(n));
console.table(scans);
const looks = [];
for (const n of sizes) looks.push(await look(n));
console.table(
  looks.map(({ filterMs, decideMs, ...rest }) => ({
    ...rest,
    filterMs: filterMs.join(' '),
    decideMs: decideMs.join(' '),
  })),
);
mkdirSync(join(root, 'dist', 'bench'), { recursive: true });
writeFileSync(join(root, 'dist', 'bench', 'crowd.json'), JSON.stringify({ scans, looks }, null, 1));

/**
 * The engine behind the page, called directly, so that tests can prepare a workspace and read its state without running commands.
 * Calls go through the page's own fetch: nothing else reaches the engine of a window.
 */
import { createTRPCClient, httpBatchLink, type TRPCClient } from '@trpc/client';
import type { Page } from 'playwright';
import { vi } from 'vitest';
import { columnPath, pageHeader, trpcPath, workspacePath } from '../../src-main/contract/address.ts';
import { kindsOf, predicateOf } from '../../src-main/contract/read.ts';
import type { Router } from '../../src-main/contract/router.ts';
import { jobEnded, type Job, type RunSummary, type Sample } from '../../src-main/contract/types.ts';
import { openDoor, type OpenDoor } from './door.ts';

type Calls = TRPCClient<Router>;

const engineOrigin = 'http://engine';

function connect(page: Page, path: string): Calls {
  const overPage = async (url: string, body: string): Promise<Response> => {
    const { status, text } = await page.evaluate(
      async ([address, content, header]) => {
        const headers = { 'content-type': 'application/json', [header]: '1' };
        const answer = await fetch(address, { method: 'POST', headers, body: content });
        return { status: answer.status, text: await answer.text() };
      },
      [url.slice(engineOrigin.length), body, pageHeader],
    );
    return new Response(text, { status });
  };
  return createTRPCClient<Router>({
    links: [
      httpBatchLink({
        url: engineOrigin + path,
        methodOverride: 'POST',
        fetch: (url, init) => overPage(String(url), (init?.body ?? '{}') as string),
      }),
    ],
  });
}

/** A folder in the engine of the page. */
export interface EngineFolder {
  calls: Calls;
  /** By sample id; NaN where there is no value. */
  column(name: string): Promise<number[]>;
  /** The samples that match, by path. */
  rows(where: string): Promise<Sample[]>;
  paths(where: string): Promise<string[]>;
  count(where: string): Promise<number>;
  /** Waits for a job and returns it. Throws if the job failed. */
  ended(job: Job): Promise<Job>;
  /** The id of the newest finished run that fits, or of the one that `make` starts. */
  ensureRun(fits: (run: RunSummary) => boolean, make: () => Promise<Job>): Promise<string>;
}

/** Any address of the page must be loaded. */
export async function engineFolder(page: Page, folder: string): Promise<EngineFolder> {
  const { id } = await connect(page, trpcPath).engine.open.mutate({ folder });
  const calls = connect(page, workspacePath(id) + trpcPath);

  const column = (name: string) =>
    page.evaluate(
      async (address) => [...new Float64Array(await (await fetch(address)).arrayBuffer())],
      columnPath(id, name, Date.now()),
    );

  async function rows(where: string): Promise<Sample[]> {
    const [{ samples }, columns, checks, groups] = await Promise.all([
      calls.samples.changes.query({ since: 0, limit: 100_000 }),
      calls.samples.columns.query(),
      calls.checks.list.query(),
      calls.duplicates.groups.query(),
    ]);
    const duplicates = kindsOf(groups);
    const asked = new Set<string>();
    const runs = (await calls.runs.list.query()).filter(({ kind, state }) => kind === 'rank' && state === 'done');
    const thresholds = new Map(
      await Promise.all(
        (where.includes('flagged(') ? runs : []).map(
          async ({ id, column }) => [column, (await calls.runs.threshold.query({ id })).score] as const,
        ),
      ),
    );
    const rest = { columns, checks, duplicates, threshold: (name: string) => thresholds.get(name) ?? null };
    predicateOf(where, { ...rest, values: (name) => (asked.add(name), new Float64Array()) });
    const values = new Map(
      await Promise.all([...asked].map(async (name) => [name, Float64Array.from(await column(name))] as const)),
    );
    const matches = predicateOf(where, { ...rest, values: (name) => values.get(name) as Float64Array });
    return samples.filter(matches).sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async function ended({ id: jobId }: Job): Promise<Job> {
    const job = await vi.waitUntil(
      async () => (await calls.jobs.list.query()).find((known) => known.id === jobId && jobEnded(known.state)),
      { timeout: 170_000, interval: 200 },
    );
    if (job.error) throw new Error(job.error.message);
    return job;
  }

  return {
    calls,
    column,
    rows,
    paths: async (where) => (await rows(where)).map(({ path }) => path),
    count: async (where) => (await rows(where)).length,
    ended,
    async ensureRun(fits, make) {
      const known = (await calls.runs.list.query()).find((run) => run.state === 'done' && fits(run));
      return known?.id ?? ((await ended(await make())).runId as string);
    },
  };
}

/** The address of a folder in the page; without a folder, of the start page. */
const addressOf = (page: Page, folder?: string) =>
  new URL(folder ? `/?${new URLSearchParams({ folder })}` : '/', page.url()).href;

export const goToStart = (page: Page) => page.goto(addressOf(page));

/** Pages that a spec has opened on its folder and not used yet. */
const unused = new WeakSet<Page>();

/** The first `loadFresh` of this page loads nothing: the page has just been opened, and its folder is scanned. */
export const markUnused = (page: Page) => void unused.add(page);

/**
 * Loads the folder in a known state: no job runs, all steps are undone, and the viewer's settings are cleared. Only finished runs and their
 * results stay.
 */
export async function loadFresh(page: Page, folder: string): Promise<EngineFolder> {
  const engine = await engineFolder(page, folder);
  if (unused.delete(page)) return engine;
  const { calls } = engine;
  const jobs = await calls.jobs.list.query();
  const running = jobs.filter(({ state }) => !jobEnded(state));
  for (const { id } of running) await calls.jobs.cancel.mutate({ id });
  for (const job of running) await engine.ended(job).catch(() => undefined);
  for (let { journal } = await calls.workspace.describe.query(); journal.undo;)
    ({ journal } = await calls.journal.undo.mutate());
  await page.evaluate(
    () =>
      new Promise<void>((cleared, failed) => {
        const opening = indexedDB.open('winnow');
        opening.onerror = () => failed(opening.error as DOMException);
        opening.onsuccess = () => {
          const writing = opening.result.transaction('kept', 'readwrite');
          writing.objectStore('kept').clear();
          writing.oncomplete = () => {
            opening.result.close();
            cleared();
          };
        };
      }),
  );
  const lastJob = Math.max(0, ...jobs.map(({ id }) => id));
  await page.goto(addressOf(page, folder));
  // The page starts a scan when it has opened a folder.
  await vi.waitUntil(
    async () => (await calls.jobs.list.query()).some(({ id, state }) => id > lastJob && jobEnded(state)),
    { timeout: 60_000 },
  );
  await page.getByText(/^[\d,]+ shown$/).waitFor();
  return engine;
}

/** Collects errors of the page and of its console, except those that match `expected`. */
export function collectFaults(page: Page, expected?: RegExp): string[] {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected?.test(message.text())) faults.push(message.text());
  });
  return faults;
}

/** Opens a door with a folder, and waits until its images are scanned. */
export async function openScanned(
  data: string,
  folder: string,
  images: number,
): Promise<{ door: OpenDoor; page: Page; faults: string[] }> {
  const door = await openDoor(data, folder);
  const { page } = door;
  const faults = collectFaults(page);
  await page
    .getByRole('contentinfo')
    .getByText(new RegExp(`^Scan: ${images} image files`))
    .waitFor({ timeout: 60_000 });
  return { door, page, faults };
}

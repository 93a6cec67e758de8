/** Access over TCP: only with the token, under this machine's name, and not from pages of other sites. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { router } from '../../src-main/contract/router.ts';
import { isLoopback, serve, type Serving } from '../../src-main/serve.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';

let serving: Serving;
let base: URL;
beforeAll(async () => {
  serving = await serve({
    host: '127.0.0.1',
    port: 0,
    folder: await blobFolder(),
    workspace: temporaryFolder('workspace'),
  });
  base = new URL(serving.url);
});
afterAll(() => serving.close());

const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', sent = '') =>
  new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>((tell, failed) => {
    request({ host: base.hostname, port: base.port, path, headers, method }, (answer) => {
      let body = '';
      answer
        .setEncoding('utf8')
        .on('data', (text: string) => (body += text))
        .on('end', () => tell({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
    })
      .on('error', failed)
      .end(sent);
  });
const cookie = () => ({ cookie: `winnow-${base.port}=${base.searchParams.get('token')}` });

describe('serve', () => {
  test('the token in the address becomes a cookie that scripts cannot read, and leaves the address', async () => {
    const { status, headers } = await ask(base.pathname + base.search);
    expect(status).toBe(303);
    expect(String(headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict/);
    expect(headers.location).not.toContain('token');
    expect(headers.location).toContain('folder=');
  });
  test('a request without the token or with a wrong one is refused', async () => {
    expect((await ask('/trpc/engine.info')).status).toBe(401);
    expect((await ask('/?token=wrong')).status).toBe(401);
    expect((await ask('/trpc/engine.info', { cookie: `winnow-${base.port}=${'x'.repeat(32)}` })).status).toBe(401);
  });
  test('a request with the token can call the contract', async () => {
    const { status, body } = await ask('/trpc/engine.info', cookie());
    expect(status).toBe(200);
    expect(JSON.parse(body).result.data.version).toMatch(/^\d+\.\d+\.\d+$/);
  });
  test('a foreign host name is refused even with the token', async () => {
    expect((await ask('/trpc/engine.info', { ...cookie(), host: `evil.example:${base.port}` })).status).toBe(421);
  });
  test('a request from another site’s page is refused even with the token', async () => {
    expect((await ask('/trpc/engine.info', { ...cookie(), origin: 'http://evil.example' })).status).toBe(403);
    expect((await ask('/trpc/engine.info', { ...cookie(), origin: base.origin })).status).toBe(200);
  });
  test('an invalid address is refused, and the server keeps running', async () => {
    expect((await ask('//')).status).toBe(401);
    expect((await ask('/trpc/engine.info', cookie())).status).toBe(200);
  });
  test('a path cannot leave the page’s folder', async () => {
    expect((await ask('/../../package.json', cookie())).status).toBe(404);
    expect((await ask('/%2e%2e/%2e%2e/package.json', cookie())).status).toBe(404);
  });
  test('an unknown workspace gives an error of the contract', async () => {
    const { status, body } = await ask('/w/0123456789abcdef/trpc/workspace.describe', cookie());
    expect(status).toBe(400);
    expect(JSON.parse(body).error.data.winnow).toBe('no-workspace');
  });
  test('a token with invalid bytes is refused, and the server keeps running', async () => {
    expect((await ask(`/?token=${'%C3%A9'.repeat(32)}`)).status).toBe(401);
    expect((await ask('/', { cookie: `winnow-${base.port}=${'\xe9'.repeat(32)}` })).status).toBe(401);
    expect((await ask('/?token=')).status).toBe(401);
    expect((await ask('/trpc/engine.info', { cookie: `winnow-${base.port}` })).status).toBe(401);
    expect((await ask('/trpc/engine.info', cookie())).status).toBe(200);
  });
  test('requests from a page on another port, also for images, are refused although the browser sends the cookie', async () => {
    const image = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
    for (const site of ['same-site', 'cross-site'])
      expect((await ask('/trpc/engine.info', { ...cookie(), ...image, 'sec-fetch-site': site })).status).toBe(403);
    expect((await ask('/trpc/engine.info', { ...cookie(), ...image, 'sec-fetch-site': 'same-origin' })).status).toBe(
      200,
    );
    // An address typed into the address bar gives the page, but no data.
    expect((await ask('/trpc/engine.info', { ...cookie(), ...image, 'sec-fetch-site': 'none' })).status).toBe(403);
  });
  test('a call from a browser needs the page’s header and must be JSON', async () => {
    const post = (headers: Record<string, string>) =>
      ask('/trpc/engine.open', { ...cookie(), ...headers }, 'POST', '{"folder":"/nowhere/at/all"}');
    const json = { 'content-type': 'application/json' };
    expect((await post({ ...json, 'sec-fetch-site': 'same-origin' })).status).toBe(403);
    expect((await post({ ...json, 'sec-fetch-site': 'same-origin', 'x-winnow': '1' })).body).toContain(
      'There is no folder',
    );
    expect((await post({ 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post({ 'content-type': 'multipart/form-data; boundary=x' })).status).toBe(415);
  });
  test('a GET request cannot change anything', async () => {
    const mutations = Object.entries(
      (router as unknown as { _def: { procedures: unknown } })._def.procedures as Record<
        string,
        { _def: { type: string } }
      >,
    )
      .filter(([, procedure]) => procedure._def.type === 'mutation')
      .map(([name]) => name);
    expect(mutations.length).toBeGreaterThan(15);
    for (const name of mutations) expect((await ask(`/trpc/${name}?input=%7B%7D`, cookie())).status, name).toBe(405);
  });
  test('wrong tokens are delayed, the right one is not', async () => {
    const guesses = Array.from({ length: 60 }, (_, i) => ask(`/?token=${i}`));
    expect((await ask('/trpc/engine.info', cookie())).status).toBe(200);
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(40);
    expect(statuses.filter((status) => status !== 429 && status !== 401)).toEqual([]);
  });
  test('only addresses that other machines cannot reach have no warning', () => {
    expect(['127.0.0.1', 'localhost', '::1', '127.1.2.3'].map(isLoopback)).toEqual([true, true, true, true]);
    expect(['0.0.0.0', '::', '192.168.1.2'].map(isLoopback)).toEqual([false, false, false]);
  });
});

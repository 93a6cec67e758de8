/** Who may come in on TCP: only with the token, under this machine's name, and not from another site's page. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve, type Serving } from '../../src-main/serve.ts';
import { blobFolder, temporaryFolder } from '../fixtures/images.ts';

let serving: Serving;
let base: URL;
beforeAll(async () => {
  serving = await serve({ host: '127.0.0.1', port: 0, folder: await blobFolder(), workspace: temporaryFolder('workspace') });
  base = new URL(serving.url);
});
afterAll(() => serving.close());

const ask = (path: string, headers: Record<string, string> = {}) => new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>((tell, failed) => {
  request({ host: base.hostname, port: base.port, path, headers }, (answer) => {
    let body = '';
    answer.setEncoding('utf8').on('data', (text: string) => (body += text)).on('end', () => tell({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
  }).on('error', failed).end();
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
  test('without it, or with a wrong one, nothing', async () => {
    expect((await ask('/trpc/engine.info')).status).toBe(401);
    expect((await ask('/?token=wrong')).status).toBe(401);
    expect((await ask('/trpc/engine.info', { cookie: `winnow-${base.port}=${'x'.repeat(32)}` })).status).toBe(401);
  });
  test('with it, the contract', async () => {
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
  test('an address that is none is refused like any other, and the server goes on', async () => {
    expect((await ask('//')).status).toBe(401);
    expect((await ask('/trpc/engine.info', cookie())).status).toBe(200);
  });
  test('a path cannot leave the page’s folder', async () => {
    expect((await ask('/../../package.json', cookie())).status).toBe(404);
    expect((await ask('/%2e%2e/%2e%2e/package.json', cookie())).status).toBe(404);
  });
  test('an unknown workspace is told as an error of the contract', async () => {
    const { status, body } = await ask('/w/0123456789abcdef/trpc/workspace.describe', cookie());
    expect(status).toBe(400);
    expect(JSON.parse(body).error.data.winnow).toBe('no-workspace');
  });
});

/**
 * The engine over HTTP: calls (tRPC), pixels, columns, and the page itself. The same listener serves the window's pipe and the browser's
 * TCP address; access is checked before (`serve.ts`). A request for a workspace that another engine has open is forwarded.
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { nodeHTTPRequestHandler } from '@trpc/server/adapters/node-http';
import { explain } from '../contract/errors.ts';
import { router } from '../contract/router.ts';
import { OpenWorkspace } from '../engine/open-workspace.ts';
import type { Engine } from '../engine/engine.ts';
import { root } from '../setup/repository.mjs';
import { bodyOf, forward } from './forward.ts';
import { report } from './guard.ts';
import type { Clients } from './clients.ts';
import { serveInside } from './inside.ts';
import { serveMedia } from './media.ts';

const maxBodyBytes = 64 * 2 ** 20;
const page = join(root, 'dist', 'renderer');
const types = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript'],
  ['.css', 'text/css'],
  ['.svg', 'image/svg+xml'],
  ['.png', 'image/png'],
  ['.woff2', 'font/woff2'],
  ['.json', 'application/json'],
]);
const policy =
  "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Answers every request. An error ends only its own request; the engine keeps running. */
export const createListener =
  (engine: Engine, clients: Clients) => (request: IncomingMessage, response: ServerResponse) => {
    // A client may disconnect at any time; that is not an error.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    answer(engine, clients, request, response).catch((error: unknown) => {
      const { code, message } = explain(error);
      if (code === 'failed') report(`${request.method} ${request.url?.slice(0, 200)}`, error);
      if (response.headersSent) return response.destroy();
      sendJson(response, /^no-/.test(code) ? 404 : 500, { code, message });
    });
  };

const sendJson = (response: ServerResponse, status: number, value: object) =>
  void response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(value));

/** The requested URL; an invalid one counts as `/`. */
export const urlOf = ({ url }: IncomingMessage): URL =>
  URL.parse(url ?? '/', 'http://engine') ?? new URL('http://engine/');

const methods = new Set(['GET', 'HEAD', 'POST']);

async function answer(
  engine: Engine,
  clients: Clients,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!methods.has(request.method ?? ''))
    return sendJson(response, 405, { code: 'bad-request', message: 'Only GET, HEAD and POST are answered here.' });
  const url = urlOf(request);
  const inside = /^\/w\/([0-9a-f]+)(\/.*)$/.exec(url.pathname);
  if (!inside) {
    if (url.pathname === '/alive')
      return sendJson(response, 200, { state: engine.stateOf(url.searchParams.get('workspace') ?? '') });
    if (url.pathname.startsWith('/trpc/'))
      return callRouter(engine, null, url.pathname.slice('/trpc/'.length), request, response);
    return servePage(url.pathname, request, response);
  }
  const [, id, rest] = inside;
  if (rest === '/attach') {
    if (engine.stateOf(id) !== 'open')
      return sendJson(response, 503, { code: 'no-workspace', message: 'This folder is not open here.' });
    response.on('close', engine.keepOpen(id));
    return clients.attach(response, url.searchParams.get('guest') === '1');
  }
  const workspace = await reach(engine, id, request, response);
  if (workspace === 'answered') return;
  response.on('close', engine.keepOpen(id)); // keeps the folder open until the response ends
  if (rest.startsWith('/trpc/')) return callRouter(engine, workspace, rest.slice('/trpc/'.length), request, response);
  if (!workspace)
    return sendJson(response, 404, { code: 'no-workspace', message: 'No folder is open here. Open one first.' });
  if (rest.startsWith('/inside/')) return serveInside(workspace.inside, rest, response);
  await serveMedia(workspace, rest, response);
}

/** Returns the workspace if this engine has it open, or null if it was never opened here. If another engine has it, that engine answers the request. */
async function reach(
  engine: Engine,
  id: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<OpenWorkspace | null | 'answered'> {
  let body: Buffer | null = null;
  for (;;) {
    const found = await engine.reach(id);
    if (!found || found instanceof OpenWorkspace) {
      // The body was read for another engine, which has ended. tRPC's adapter takes a body that is already read from `request.body`.
      if (body) Object.assign(request, { body: body.length ? JSON.parse(body.toString()) : undefined });
      return found;
    }
    body ??= await bodyOf(request, maxBodyBytes);
    if (!body) {
      response.writeHead(413).end();
      return 'answered';
    }
    if ((await forward(found, request, body, response)) === 'answered') return 'answered';
    engine.detach(id);
  }
}

function callRouter(
  engine: Engine,
  workspace: OpenWorkspace | null,
  path: string,
  req: IncomingMessage,
  res: ServerResponse,
) {
  // Only JSON is accepted, since a form of another page cannot send it (CSRF protection).
  if (req.method === 'POST' && !/^application\/json\b/.test(req.headers['content-type'] ?? '')) {
    return sendJson(res, 415, { code: 'bad-request', message: 'Calls are JSON: send content-type application/json.' });
  }
  return nodeHTTPRequestHandler({
    router,
    path,
    req,
    res,
    maxBodySize: maxBodyBytes,
    allowMethodOverride: true,
    createContext: async () => ({ engine: engine.calls, workspace: workspace?.calls ?? null }),
    onError: ({ error }) => error.code === 'INTERNAL_SERVER_ERROR' && report(`call ${path}`, error.cause ?? error),
  });
}

function servePage(path: string, request: IncomingMessage, response: ServerResponse) {
  const file = fileOf(path);
  if (!file || !file.startsWith(page + sep) || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
    const missing = !existsSync(join(page, 'index.html'));
    response
      .writeHead(404, { 'content-type': 'text/plain' })
      .end(missing ? 'The page is not built. `npm start` builds it.' : 'not found');
    return;
  }
  response.writeHead(200, {
    'content-type': types.get(extname(file)) ?? 'application/octet-stream',
    'content-security-policy': policy,
    'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  if (request.method === 'HEAD') return void response.end();
  createReadStream(file)
    .on('error', () => response.destroy())
    .pipe(response);
}

/** Null for a path that cannot be a file name. */
function fileOf(path: string): string | null {
  if (path.includes('\0')) return null;
  return normalize(join(page, path === '/' ? 'index.html' : path));
}

/**
 * The engine over HTTP: calls (tRPC), pixels, columns, and the page itself. The same listener serves the window's pipe and the browser's
 * TCP address; who may come in is decided before this file is reached. A request for a workspace that another engine holds is handed on.
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { nodeHTTPRequestHandler } from '@trpc/server/adapters/node-http';
import { explain } from '../contract/errors.ts';
import { router } from '../contract/router.ts';
import { root, type Engine } from '../workspace/engine.ts';
import { OpenWorkspace } from '../workspace/workspace.ts';
import { forward } from './forward.ts';
import { serveMedia } from './media.ts';

const maxBodyBytes = 64 * 2 ** 20;
const page = join(root, 'dist', 'renderer');
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png', '.woff2': 'font/woff2', '.json': 'application/json',
};
const policy = "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

export const createListener = (engine: Engine) => (request: IncomingMessage, response: ServerResponse) => {
  answer(engine, request, response).catch((error: unknown) => {
    const { code, message } = explain(error);
    if (response.headersSent) return response.destroy();
    response.writeHead(/^no-/.test(code) ? 404 : 500, { 'content-type': 'application/json' }).end(JSON.stringify({ code, message }));
  });
};

/** What was asked for; a line that is no address counts as the root. */
export const urlOf = ({ url }: IncomingMessage): URL => URL.parse(url ?? '/', 'http://engine') ?? new URL('http://engine/');

async function answer(engine: Engine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = urlOf(request);
  const inside = /^\/w\/([0-9a-f]+)(\/.*)$/.exec(url.pathname);
  if (!inside) {
    if (url.pathname.startsWith('/trpc/')) return callRouter(engine, null, url.pathname.slice('/trpc/'.length), request, response);
    return servePage(url.pathname, response);
  }
  const [, id, rest] = inside;
  let found = engine.find(id);
  if (found && !(found instanceof OpenWorkspace)) {
    if (await forward(found.pipe, request, response)) return;
    found = await engine.takeOver(id); // its engine has ended
  }
  const workspace = found instanceof OpenWorkspace ? found : null;
  if (rest.startsWith('/trpc/')) return callRouter(engine, workspace, rest.slice('/trpc/'.length), request, response);
  if (!workspace) {
    response.writeHead(404).end('no such workspace');
    return;
  }
  await serveMedia(workspace, rest, response);
}

function callRouter(engine: Engine, workspace: OpenWorkspace | null, path: string, req: IncomingMessage, res: ServerResponse) {
  return nodeHTTPRequestHandler({ router, path, req, res, maxBodySize: maxBodyBytes, allowMethodOverride: true, createContext: async () => ({ engine, workspace }) });
}

function servePage(path: string, response: ServerResponse) {
  const file = normalize(join(page, path === '/' ? 'index.html' : path));
  if (!file.startsWith(page + sep) || !existsSync(file) || !statSync(file).isFile()) {
    const missing = !existsSync(join(page, 'index.html'));
    response.writeHead(404, { 'content-type': 'text/plain' }).end(missing ? 'The page is not built. `npm start` builds it.' : 'not found');
    return;
  }
  response.writeHead(200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': policy,
    'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  createReadStream(file).pipe(response);
}

/**
 * The engine on a TCP address, for a browser. Nobody comes in without the token (once in the address, then in a cookie), under a foreign
 * host name (DNS rebinding), or from another site's page (Origin).
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { WinnowError } from './contract/errors.ts';
import { createListener, urlOf } from './door/http.ts';
import { listenOnPipe } from './door/pipe.ts';

export interface Serving { url: string; close(): Promise<void> }

const loopback = new Set(['127.0.0.1', 'localhost', '::1']);

export async function serve(options: { host: string; port: number; folder: string | null; workspace?: string; token?: string }): Promise<Serving> {
  const { engine, close } = await listenOnPipe();
  const token = options.token ?? randomBytes(24).toString('base64url');
  const listener = createListener(engine);
  let cookie = '';
  const server = createServer((request, response) => {
    const refusal = refuse(request, options.host, token, cookie);
    if (refusal) return deny(response, refusal);
    const url = urlOf(request);
    if (url.searchParams.has('token')) {
      url.searchParams.delete('token');
      response.writeHead(303, { location: url.pathname + url.search, 'set-cookie': `${cookie}=${token}; HttpOnly; SameSite=Strict; Path=/` }).end();
      return;
    }
    listener(request, response);
  });
  try {
    if (options.folder) await engine.open({ folder: options.folder, workspace: options.workspace });
    await new Promise<void>((ready, failed) => server.once('error', failed).listen(options.port, options.host, ready));
  } catch (error) {
    await close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new WinnowError('failed', `Port ${options.port} is taken. Choose another with --port.`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') throw new WinnowError('failed', `${options.host} is not an address of this machine.`);
    throw error;
  }
  const { port } = server.address() as { port: number };
  cookie = `winnow-${port}`; // cookies do not tell ports apart
  const shown = options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host;
  const query = options.folder ? `&folder=${encodeURIComponent(options.folder)}${options.workspace ? `&workspace=${encodeURIComponent(options.workspace)}` : ''}` : '';
  return {
    url: `http://${isIP(shown) === 6 ? `[${shown}]` : shown}:${port}/?token=${token}${query}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await close();
    },
  };
}

/** Why this request may not come in, or null. */
function refuse(request: IncomingMessage, host: string, token: string, cookie: string): { status: number; why: string } | null {
  const named = request.headers.host ?? '';
  const name = named.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  // A page of another name that resolves here has that name as Host; an address cannot be forged so.
  if (!(loopback.has(name) || name === host || (!loopback.has(host) && isIP(name)))) return { status: 421, why: 'This address is not served here.' };
  const { origin } = request.headers;
  if (origin && origin !== `http://${named}`) return { status: 403, why: 'Requests from other sites are refused.' };
  const given = urlOf(request).searchParams.get('token')
    ?? new Map((request.headers.cookie ?? '').split(/;\s*/).map((pair) => pair.split('=', 2) as [string, string])).get(cookie) ?? '';
  if (!same(given, token)) return { status: 401, why: 'The token is missing or wrong. Open the address that Winnow printed when it started.' };
  return null;
}

const same = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

const deny = (response: ServerResponse, { status, why }: { status: number; why: string }) => {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(why);
};

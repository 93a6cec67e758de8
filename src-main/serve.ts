/**
 * Serves the engine on a TCP address for a browser. A request needs the token (first in the URL, then in a cookie) and the right host
 * name (against DNS rebinding), and must not come from another site or port (Origin, Sec-Fetch-Site, the page's own header).
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { pageHeader } from './contract/address.ts';
import { WinnowError } from './contract/errors.ts';
import { report } from './door/guard.ts';
import { createListener, urlOf } from './door/http.ts';
import { listenOnPipe } from './door/pipe.ts';

export interface Serving {
  url: string;
  close(): Promise<void>;
}

const loopback = new Set(['127.0.0.1', 'localhost', '::1']);
/** Whether only this machine can reach the address. */
export const isLoopback = (host: string) => loopback.has(host) || /^127\./.test(host);

export async function serve(options: {
  host: string;
  port: number;
  folder: string | null;
  workspace?: string;
  token?: string;
}): Promise<Serving> {
  const { engine, clients, close } = await listenOnPipe();
  const token = options.token ?? randomBytes(24).toString('base64url');
  const listener = createListener(engine, clients);
  const guesses = new Guesses();
  let cookie = '';
  const server = createServer((request, response) => {
    response.on('error', () => undefined);
    try {
      const refusal = refuse(request, options.host, token, cookie);
      if (refusal) return refusal.isGuess ? guesses.answerLater(request, response, refusal) : deny(response, refusal);
      const url = urlOf(request);
      if (url.searchParams.has('token')) {
        url.searchParams.delete('token');
        // A path that starts with two slashes would redirect to another host.
        response
          .writeHead(303, {
            location: url.pathname.replace(/^[\\/]+/, '/') + url.search,
            'set-cookie': `${cookie}=${token}; HttpOnly; SameSite=Strict; Path=/`,
          })
          .end();
        return;
      }
      listener(request, response);
    } catch (error) {
      report(`${request.method} ${request.url?.slice(0, 200)}`, error);
      if (response.headersSent) response.destroy();
      else deny(response, { status: 500, why: 'The request could not be answered.' });
    }
  });
  try {
    if (options.folder) await engine.open({ folder: options.folder, workspace: options.workspace });
    await new Promise<void>((ready, failed) => server.once('error', failed).listen(options.port, options.host, ready));
  } catch (error) {
    await close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new WinnowError('failed', `Port ${options.port} is taken. Choose another with --port.`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new WinnowError('failed', `${options.host} is not an address of this machine.`);
    throw error;
  }
  const { port } = server.address() as { port: number };
  cookie = `winnow-${port}`; // cookies are shared by all ports of a host
  const shown = options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host;
  const query = options.folder
    ? `&folder=${encodeURIComponent(options.folder)}${options.workspace ? `&workspace=${encodeURIComponent(options.workspace)}` : ''}`
    : '';
  return {
    url: `http://${isIP(shown) === 6 ? `[${shown}]` : shown}:${port}/?token=${token}${query}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await close();
    },
  };
}

interface Refusal {
  status: number;
  why: string;
  /** The request has a wrong token. */
  isGuess?: boolean;
}

/** The reason to refuse a request, or null. */
function refuse(request: IncomingMessage, host: string, token: string, cookie: string): Refusal | null {
  const { headers } = request;
  const named = headers.host ?? '';
  const name = named.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  // DNS rebinding: a page under another name that resolves to this address sends that name as Host. An IP address cannot be rebound.
  if (!(loopback.has(name) || name === host || (!loopback.has(host) && isIP(name))))
    return { status: 421, why: 'This address is not served here.' };
  const otherSite = { status: 403, why: 'Requests from other sites are refused.' };
  const { origin } = headers;
  if (origin && origin !== `http://${named}`) return otherSite;
  // A cookie is sent to every port of a host, and a request for an image has no Origin. Browsers send Sec-Fetch-Site; other programs do not.
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') return otherSite;
  if (site === 'none' && headers['sec-fetch-mode'] !== 'navigate') return otherSite;
  const isCall = request.method !== 'GET' && request.method !== 'HEAD';
  if (site && isCall && !headers[pageHeader]) return otherSite;
  const given = urlOf(request).searchParams.get('token') ?? cookieOf(headers.cookie ?? '', cookie);
  return given !== undefined && same(given, token) ? null : { status: 401, why: missing, isGuess: given !== undefined };
}

const missing = 'The token is missing or wrong. Open the address that Winnow printed when it started.';

const cookieOf = (all: string, name: string): string | undefined =>
  all
    .split(/;\s*/)
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);

const digest = (text: string) => hash('sha256', text, 'buffer');
/** Compares digests, which have equal length, in constant time, so that the time reveals nothing about the token. */
const same = (a: string, b: string) => timingSafeEqual(digest(a), digest(b));

const deny = (response: ServerResponse, { status, why }: Refusal) => {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(why);
};

/** Delays wrong tokens, longer each time; the right token is never delayed. */
class Guesses {
  #recent = 0;
  #waiting = 0;

  answerLater(request: IncomingMessage, response: ServerResponse, refusal: Refusal) {
    if (this.#waiting >= 16) {
      response.setHeader('connection', 'close');
      return deny(response, { status: 429, why: 'Too many wrong tokens. Wait a minute.' });
    }
    this.#recent++;
    this.#waiting++;
    const later = setTimeout(
      () => {
        this.#waiting--;
        deny(response, refusal);
      },
      Math.min(2000, 50 * 2 ** Math.min(10, this.#recent)),
    );
    later.unref();
    setTimeout(() => this.#recent--, 60_000).unref();
    request.resume();
  }
}

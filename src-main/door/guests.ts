/**
 * Commands that work through this engine, because it had their folder first. Each keeps a stream open for as long as it works, on which it hears that the
 * engine is alive; who holds the folder for one command of its own stays until they are done.
 */
import type { ServerResponse } from 'node:http';
import { beatEveryMs } from '../engine/holder.ts';

export class Guests {
  #guests = new Set<ServerResponse>();
  #alone: (() => void)[] = [];
  #closed = false;

  get count() {
    return this.#guests.size;
  }

  /** Sends beats until the other side hangs up. */
  attach(response: ServerResponse, isGuest: boolean) {
    if (this.#closed) {
      response.writeHead(503).end();
      return;
    }
    if (isGuest) this.#guests.add(response);
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).write('\n');
    const beat = setInterval(() => response.write('\n'), beatEveryMs);
    response.on('close', () => {
      clearInterval(beat);
      this.#guests.delete(response);
      if (!this.#guests.size) for (const tell of this.#alone.splice(0)) tell();
    });
  }

  /** Resolves when no guest is left; from that moment on none is taken. */
  async leave() {
    while (this.#guests.size) await new Promise<void>((tell) => this.#alone.push(tell));
    this.#closed = true;
  }
}

/**
 * Commands of other processes that use this engine because it opened their folder first. Each keeps a stream open, on which it gets the heartbeat.
 * An engine that was started for one command stays until its clients are done.
 */
import type { ServerResponse } from 'node:http';
import { heartbeatMs } from '../engine/lock-owner.ts';

export class Clients {
  #clients = new Set<ServerResponse>();
  #alone: (() => void)[] = [];
  #closed = false;

  get count() {
    return this.#clients.size;
  }

  /** Sends beats until the other side hangs up. */
  attach(response: ServerResponse, isGuest: boolean) {
    if (this.#closed) {
      response.writeHead(503).end();
      return;
    }
    if (isGuest) this.#clients.add(response);
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).write('\n');
    const beat = setInterval(() => response.write('\n'), heartbeatMs);
    response.on('close', () => {
      clearInterval(beat);
      this.#clients.delete(response);
      if (!this.#clients.size) for (const tell of this.#alone.splice(0)) tell();
    });
  }

  /** Resolves when no client is left; from that moment on none is taken. */
  async leave() {
    while (this.#clients.size) await new Promise<void>((tell) => this.#alone.push(tell));
    this.#closed = true;
  }
}

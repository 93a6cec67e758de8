/**
 * The clients of this engine: commands in other processes whose folder this engine has open. Each client keeps a stream open, which
 * carries the heartbeat. An engine that was started for one command runs until its clients are done.
 */
import type { ServerResponse } from 'node:http';
import { heartbeatMs } from '../engine/lock-owner.ts';

export class Clients {
  #clients = new Set<ServerResponse>();
  #waiting: (() => void)[] = [];
  #closed = false;

  get count() {
    return this.#clients.size;
  }

  /** Sends heartbeats until the other side disconnects. Only a client is waited for; other engines only listen. */
  attach(response: ServerResponse, isClient: boolean) {
    if (this.#closed) {
      response.writeHead(503).end();
      return;
    }
    if (isClient) this.#clients.add(response);
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).write('\n');
    const heartbeat = setInterval(() => response.write('\n'), heartbeatMs);
    response.on('close', () => {
      clearInterval(heartbeat);
      this.#clients.delete(response);
      if (!this.#clients.size) for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  /** Resolves when no client is left; new clients are then refused. */
  async leave() {
    while (this.#clients.size) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#closed = true;
  }
}

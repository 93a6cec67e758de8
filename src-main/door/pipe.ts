/** The engine's private pipe: a Unix socket in a folder that only its owner can enter, or a named pipe on Windows. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Engine } from '../workspace/engine.ts';
import { createListener } from './http.ts';

const newPipe = (): string => process.platform === 'win32'
  ? `\\\\.\\pipe\\winnow-${randomBytes(12).toString('hex')}`
  : join(mkdtempSync(join(tmpdir(), 'winnow-')), 'engine.sock'); // mkdtemp makes it 0700

export interface Listening { engine: Engine; server: Server; pipe: string; close(): Promise<void> }

/** Starts an engine that answers on its own pipe. */
export async function listenOnPipe(): Promise<Listening> {
  const pipe = newPipe();
  const engine = new Engine(pipe);
  const server = createServer(createListener(engine));
  server.keepAliveTimeout = 0; // a pipe's client is on this machine and stays
  await new Promise<void>((ready, failed) => server.once('error', failed).listen(pipe, ready));
  const close = async () => {
    await engine.close();
    server.closeAllConnections();
    server.close();
    if (process.platform !== 'win32') rmSync(dirname(pipe), { recursive: true, force: true });
  };
  return { engine, server, pipe, close };
}

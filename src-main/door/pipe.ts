/**
 * The engine's private pipe: a Unix socket in a folder that only its owner can enter, or a named pipe on Windows. It is in the data folder, where
 * no clean-up of temporary files removes it.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { dataFolder } from '../setup/folders.mjs';
import { Engine } from '../engine/engine.ts';
import { Clients } from './clients.ts';
import { createListener } from './http.ts';

/** An address of a Unix socket has 104 bytes on macOS, 108 on Linux. */
const longestPath = 100;
const name = 'engine.sock';

function newPipe(): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\winnow-${randomBytes(12).toString('hex')}`;
  for (const folder of [
    join(dataFolder(), 'run'),
    process.env.XDG_RUNTIME_DIR && join(process.env.XDG_RUNTIME_DIR, 'winnow'),
  ]) {
    if (!folder || Buffer.byteLength(join(folder, 'XXXXXX', name)) > longestPath) continue;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      removeDead(folder);
      return join(mkdtempSync(`${folder}/`), name); // mkdtemp makes it 0700
    } catch {
      // Not ours to write to: the next place.
    }
  }
  return join(mkdtempSync(join(tmpdir(), 'winnow-')), name);
}

/** Folders of engines that were killed. One that is being made at this moment has no socket yet, and is left alone for a while. */
function removeDead(folder: string) {
  for (const entry of readdirSync(folder)) {
    const own = join(folder, entry);
    const isNew = Date.now() - (statSync(own, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < 60_000;
    if (isNew) continue;
    const asked = connect(join(own, name), () => asked.destroy());
    asked.unref().on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') rmSync(own, { recursive: true, force: true });
    });
  }
}

export interface Listening {
  engine: Engine;
  clients: Clients;
  server: Server;
  pipe: string;
  /** Ends all work at once. Who has a folder for a command of its own waits for `clients.leave()` before. */
  close(): Promise<void>;
}

/** Starts an engine that answers on its own pipe. */
export async function listenOnPipe(options?: ConstructorParameters<typeof Engine>[1]): Promise<Listening> {
  const pipe = newPipe();
  const engine = new Engine(pipe, options);
  const clients = new Clients();
  const server = createServer(createListener(engine, clients));
  server.keepAliveTimeout = 0; // a pipe's client is on this machine and stays
  await new Promise<void>((ready, failed) => server.once('error', failed).listen(pipe, ready));
  const close = async () => {
    await engine.close();
    server.closeAllConnections();
    server.close();
    if (process.platform !== 'win32') rmSync(dirname(pipe), { recursive: true, force: true });
  };
  return { engine, clients, server, pipe, close };
}

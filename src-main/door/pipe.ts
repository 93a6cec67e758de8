/**
 * The engine's private pipe: a Unix socket in a folder that only its owner can access, or a named pipe on Windows. It is in the data folder, so that
 * a cleanup of temporary files does not remove it.
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

/** The path of a Unix socket has at most 104 bytes on macOS and 108 on Linux. */
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
      removeDeadPipes(folder);
      return join(mkdtempSync(`${folder}/`), name); // mkdtemp sets mode 0700
    } catch {
      // Not writable: try the next folder.
    }
  }
  return join(mkdtempSync(join(tmpdir(), 'winnow-')), name);
}

/** Removes the folders of killed engines. A new folder is kept, since its engine may not listen yet. */
function removeDeadPipes(folder: string) {
  for (const entry of readdirSync(folder)) {
    const pipeFolder = join(folder, entry);
    const isNew = Date.now() - (statSync(pipeFolder, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < 60_000;
    if (isNew) continue;
    const socket = connect(join(pipeFolder, name), () => socket.destroy());
    socket.unref().on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')
        rmSync(pipeFolder, { recursive: true, force: true });
    });
  }
}

export interface Listening {
  engine: Engine;
  clients: Clients;
  server: Server;
  pipe: string;
  /** Stops all work. To let clients finish first, await `clients.leave()`. */
  close(): Promise<void>;
}

/** Starts an engine that answers on its own pipe. */
export async function listenOnPipe(options?: ConstructorParameters<typeof Engine>[1]): Promise<Listening> {
  const pipe = newPipe();
  const engine = new Engine(pipe, options);
  const clients = new Clients();
  const server = createServer(createListener(engine, clients));
  server.keepAliveTimeout = 0; // no limit, since the client is on this machine
  await new Promise<void>((ready, failed) => server.once('error', failed).listen(pipe, ready));
  const close = async () => {
    await engine.close();
    server.closeAllConnections();
    server.close();
    if (process.platform !== 'win32') rmSync(dirname(pipe), { recursive: true, force: true });
  };
  return { engine, clients, server, pipe, close };
}

/**
 * The command line's door: one typed client, whether the engine runs in this process or another engine has the folder open already. In
 * both cases the calls are the contract's.
 */
import { createTRPCClient, httpLink, httpSubscriptionLink, localLink, splitLink, type TRPCClient } from '@trpc/client';
import { Agent, EventSource, fetch } from 'undici';
import { columnPath, predictionsPath, trpcPath, workspacePath } from '../contract/address.ts';
import type { ColumnValues } from '../contract/read.ts';
import { router, type Router } from '../contract/router.ts';
import { OpenWorkspace } from '../workspace/workspace.ts';
import { listenOnPipe } from './pipe.ts';

export interface Door {
  calls: TRPCClient<Router>;
  folder: string;
  /** By sample id. */
  column(name: string): Promise<ColumnValues>;
  /** A run's probabilities: row i is the sample `ids[i]`'s, in the order of the run's classes. */
  predictions(runId: string): Promise<{ ids: ArrayLike<number>; probabilities: Float32Array }>;
  close(): Promise<void>;
}

export async function openDoor(folder: string, workspace?: string): Promise<Door> {
  const { engine, close } = await listenOnPipe();
  try {
    const opened = await engine.open({ folder, workspace });
    const found = engine.find(opened.id);
    if (found instanceof OpenWorkspace) {
      const calls = createTRPCClient<Router>({ links: [localLink({ router, createContext: async () => ({ engine, workspace: found }) })] });
      return { calls, folder: opened.folder, column: async (name) => found.table.values(name), predictions: async (runId) => found.predictions(runId), close };
    }
    if (!found) throw new Error('the workspace closed while it was opened');
    return { ...remote(found.pipe, opened.id), folder: opened.folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function remote(pipe: string, id: string): Pick<Door, 'calls' | 'column' | 'predictions'> {
  const dispatcher = new Agent({ connect: { socketPath: pipe } });
  const base = 'http://engine';
  const url = `${base}${workspacePath(id)}${trpcPath}`;
  class PipeEventSource extends EventSource {
    constructor(address: string | URL) {
      super(address, { node: { dispatcher } });
    }
  }
  const overPipe = (input: string, init: object = {}) => fetch(input, { ...init, dispatcher });
  const calls = createTRPCClient<Router>({
    links: [splitLink({
      condition: (operation) => operation.type === 'subscription',
      true: httpSubscriptionLink({ url, EventSource: PipeEventSource }),
      false: httpLink({ url, fetch: overPipe as never }),
    })],
  });
  const numbers = async (path: string): Promise<ArrayBuffer> => {
    const answer = await overPipe(base + path);
    if (!answer.ok) throw new Error(((await answer.json()) as { message: string }).message);
    return answer.arrayBuffer();
  };
  return {
    calls,
    column: async (name) => new Float64Array(await numbers(columnPath(id, name, 0))),
    predictions: async (runId) => {
      const buffer = await numbers(predictionsPath(id, runId));
      const [images] = new Int32Array(buffer, 0, 2);
      return { ids: new Int32Array(buffer, 8, images), probabilities: new Float32Array(buffer, 8 + 4 * images) };
    },
  };
}

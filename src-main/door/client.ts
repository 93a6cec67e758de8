/**
 * The command line's client: the same typed calls, whether the engine runs in this process or another engine already has the folder open.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createTRPCClient, localLink, type TRPCClient } from '@trpc/client';
import type { Arrays } from '../contract/arrays.ts';
import type { InsideHeader, InsideName, InsideRequest } from '../contract/inside-procedures.ts';
import type { ColumnValues } from '../contract/read.ts';
import { router, type Router } from '../contract/router.ts';
import { OpenWorkspace } from '../engine/open-workspace.ts';
import { attach } from '../engine/lock-owner.ts';
import { knownProbabilities } from '../workspace/predictions.ts';
import { callInside } from './inside.ts';
import { listenOnPipe } from './pipe.ts';

/** A client of the engine that has the folder open. */
export interface Client {
  calls: TRPCClient<Router>;
  folder: string;
  /** A warning about the location of the workspace. */
  warning: string | null;
  /** Aborted with an error as its reason if the engine that has the folder has ended or stopped responding. Pending calls then never return. */
  lost: AbortSignal;
  /** By sample id. */
  column(name: string): Promise<ColumnValues>;
  /** A run's probabilities: row i belongs to sample `ids[i]`, in the order of the run's classes. */
  predictions(runId: string): Promise<{ ids: ArrayLike<number>; probabilities: Float32Array }>;
  /** A call that looks inside a network. Throws WinnowError. */
  inside<Name extends InsideName>(name: Name, request: InsideRequest<Name>): Promise<Arrays<InsideHeader<Name>>>;
  /** Waits until other commands that use this engine are done; if there are any, calls `onWait` with their number. */
  close(onWait?: (clients: number) => void): Promise<void>;
}

const retryMs = 40;

export async function openClient(folder: string, workspace?: string): Promise<Client> {
  const { engine, clients, close } = await listenOnPipe();
  try {
    for (;;) {
      const { id, folder: real, warning } = await engine.open({ folder, workspace });
      const found = await engine.reach(id);
      if (found instanceof OpenWorkspace) {
        engine.keepOpen(id);
        const calls = createTRPCClient<Router>({
          links: [localLink({ router, createContext: async () => ({ engine: engine.calls, workspace: found.calls }) })],
        });
        return {
          calls,
          folder: real,
          warning,
          lost: new AbortController().signal,
          column: async (name) => found.table.values(name),
          predictions: async (runId) => {
            const { samples, probabilities } = knownProbabilities(found, found.runs.get(runId).id);
            return { ids: samples.map(({ id }) => id), probabilities };
          },
          inside: (name, request) => callInside(found.inside, name, request),
          async close(onWait) {
            if (clients.count) onWait?.(clients.count);
            await clients.leave();
            await close();
          },
        };
      }
      const attachment = found && (await attach(found.owner, id, { client: true }));
      if (attachment) {
        const {
          owner: { pipe },
        } = found;
        const { remote } = await import('./remote-client.ts'); // loads an HTTP client
        return {
          ...remote(pipe, id, attachment),
          folder: real,
          warning,
          async close() {
            attachment.detach();
            await close();
          },
        };
      }
      engine.detach(id); // the other engine is closing the folder
      await delay(retryMs);
    }
  } catch (error) {
    await close();
    throw error;
  }
}

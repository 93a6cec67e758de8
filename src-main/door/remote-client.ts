/** The calls to an engine in another process, through its pipe. */
import { createTRPCClient, httpLink, httpSubscriptionLink, splitLink } from '@trpc/client';
import { Agent, EventSource, fetch, type RequestInit } from 'undici';
import { columnPath, insidePath, predictionsPath, trpcPath, workspacePath } from '../contract/address.ts';
import { lastFrame } from '../contract/arrays.ts';
import type { Router } from '../contract/router.ts';
import type { Attachment } from '../engine/lock-owner.ts';
import type { Client } from './client.ts';

export function remote(
  pipe: string,
  id: string,
  { lost }: Attachment,
): Pick<Client, 'calls' | 'lost' | 'column' | 'predictions' | 'inside'> {
  const dispatcher = new Agent({ connect: { socketPath: pipe }, headersTimeout: 0, bodyTimeout: 0 }); // the heartbeat replaces timeouts
  const base = 'http://engine';
  const url = `${base}${workspacePath(id)}${trpcPath}`;
  class PipeEventSource extends EventSource {
    constructor(address: string | URL) {
      super(address, { node: { dispatcher } });
    }
  }
  const overPipe = (input: string, init: RequestInit = {}) =>
    fetch(input, { ...init, dispatcher, signal: init.signal ? AbortSignal.any([init.signal, lost]) : lost });
  const calls = createTRPCClient<Router>({
    links: [
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: httpSubscriptionLink({ url, EventSource: PipeEventSource }),
        false: httpLink({ url, fetch: overPipe as never }),
      }),
    ],
  });
  const numbers = async (path: string): Promise<ArrayBuffer> => {
    const answer = await overPipe(base + path);
    if (!answer.ok) throw new Error(((await answer.json()) as { message: string }).message);
    return answer.arrayBuffer();
  };
  return {
    calls,
    lost,
    column: async (name) => new Float64Array(await numbers(columnPath(id, name, 0))),
    predictions: async (runId) => {
      const buffer = await numbers(predictionsPath(id, runId));
      const [images] = new Int32Array(buffer, 0, 2);
      return { ids: new Int32Array(buffer, 8, images), probabilities: new Float32Array(buffer, 8 + 4 * images) };
    },
    async inside(name, request) {
      const answer = await overPipe(base + insidePath(id, name, request));
      if (!answer.ok || !answer.body) throw new Error(((await answer.json()) as { message: string }).message);
      return lastFrame(answer.body);
    },
  };
}

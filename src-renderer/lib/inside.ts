/** Calls that look inside a network: a stream of progress, then arrays. */
import { insidePath, pageHeader } from '../../src-main/contract/address.ts';
import { lastFrame, type Arrays, type Values } from '../../src-main/contract/arrays.ts';
import type {
  InsideEvent,
  InsideHeader,
  InsideName,
  InsideRequest,
} from '../../src-main/contract/inside-procedures.ts';

export interface InsideOptions<Name extends InsideName> {
  signal?: AbortSignal;
  onEvent?(event: InsideEvent<Name>, arrays: Record<string, Values>): void;
}

/** Aborting the signal ends the work in the engine too. Throws an Error with a message for people. */
export async function callInside<Name extends InsideName>(
  workspaceId: string,
  name: Name,
  request: InsideRequest<Name>,
  { signal, onEvent }: InsideOptions<Name> = {},
): Promise<Arrays<InsideHeader<Name>>> {
  const answer = await fetch(insidePath(workspaceId, name, request), { signal, headers: { [pageHeader]: '1' } }).catch(
    (error: unknown) => {
      throw signal?.aborted ? error : new Error('The engine does not respond and is being restarted. Try again.');
    },
  );
  if (!answer.ok || !answer.body) throw new Error(((await answer.json()) as { message: string }).message);
  return lastFrame<InsideHeader<Name>, InsideEvent<Name>>(chunksOf(answer.body), onEvent);
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

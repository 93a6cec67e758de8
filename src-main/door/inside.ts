/** Serves the calls of `contract/inside-procedures.ts` as streams of frames (`contract/arrays.ts`). A client that disconnects cancels its call. */
import type { ServerResponse } from 'node:http';
import { encodeFrame, type Frame } from '../contract/arrays.ts';
import { explain, WinnowError } from '../contract/errors.ts';
import { RefusedRequest } from '../contract/problems.ts';
import { insideProcedures, type InsideCalls, type InsideName } from '../contract/inside-procedures.ts';
import { report } from './guard.ts';

type AnyCall = (
  request: unknown,
  context: { signal: AbortSignal; onEvent(event: unknown, arrays?: Frame['arrays']): void },
) => Promise<{ header: unknown; arrays: Frame['arrays'] }>;

/** Checks the request of a call. Throws WinnowError. */
export function checkedInside(name: string, request: unknown): { name: InsideName; request: unknown } {
  if (!Object.hasOwn(insideProcedures, name)) throw new WinnowError('bad-request', `There is no call ‘${name}’.`);
  const checked = insideProcedures[name as InsideName].schema.safeParse(request);
  if (!checked.success) throw new RefusedRequest(checked.error);
  return { name: name as InsideName, request: checked.data };
}

/** `path`: `/inside/<name>/<request as JSON>`. */
export async function serveInside(calls: InsideCalls, path: string, response: ServerResponse): Promise<void> {
  const stop = new AbortController();
  response.on('close', () => stop.abort());
  const send = (frame: Frame): void => void (response.destroyed || response.write(encodeFrame(frame)));
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
  try {
    const { name, request } = parsed(path);
    const { header, arrays } = await (calls[name] as AnyCall)(request, {
      signal: stop.signal,
      onEvent: (event, arrays = {}) => send({ event, arrays }),
    });
    send({ result: header, arrays });
  } catch (error) {
    const { code, message } = explain(error);
    if (code === 'failed') report(path.slice(0, 200), error);
    send({ error: { code, message }, arrays: {} });
  }
  response.end();
}

function parsed(path: string): ReturnType<typeof checkedInside> {
  const [, , name, request] = path.split('/');
  try {
    return checkedInside(name, JSON.parse(decodeURIComponent(request)));
  } catch (error) {
    if (error instanceof WinnowError) throw error;
    throw new WinnowError('bad-request', 'The address is malformed.');
  }
}

/** A call in this process, with its request unchecked. Throws WinnowError. */
export async function callInside<Header>(
  calls: InsideCalls,
  name: string,
  request: unknown,
): Promise<{ header: Header; arrays: Frame['arrays'] }> {
  const checked = checkedInside(name, request);
  const answer = await (calls[checked.name] as AnyCall)(checked.request, {
    signal: new AbortController().signal,
    onEvent: () => undefined,
  });
  return answer as { header: Header; arrays: Frame['arrays'] };
}

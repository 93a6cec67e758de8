/** Forwards a request, streams included, to the engine that has the workspace open. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { RemoteWorkspace } from '../engine/engine.ts';

/** The body of a request, whole, so that it can be sent again when the engine that was asked had just ended. */
export async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBytes) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/**
 * `answered`, also where the other engine ended in the middle: then nobody can say what it has done. `gone`: nothing was sent, and the caller may answer
 * itself. Where the engine does not answer any more, the request ends with its error message.
 */
export function forward(
  { owner, attachment }: RemoteWorkspace,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<'answered' | 'gone'> {
  return new Promise((tell) => {
    const lost = attachment?.lost;
    // A connection of its own: one kept from before may be dead without knowing it.
    const onward = httpRequest(
      { agent: false, socketPath: owner.pipe, path: request.url, method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        answer.on('error', () => response.destroy());
        tell('answered');
      },
    );
    const give = () => {
      const { code, message } = lost?.reason as { code: string; message: string };
      if (response.headersSent) response.destroy();
      else response.writeHead(503, { 'content-type': 'application/json' }).end(JSON.stringify({ code, message }));
      tell('answered');
      onward.destroy();
    };
    lost?.addEventListener('abort', give, { once: true });
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') return tell('gone');
      if (!response.writableEnded) response.destroy();
      tell('answered');
    });
    response.on('close', () => {
      lost?.removeEventListener('abort', give);
      onward.destroy();
    });
    onward.end(body);
  });
}

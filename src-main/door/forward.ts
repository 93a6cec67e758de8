/** Forwards a request, streams included, to the engine that has the workspace open. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { RemoteWorkspace } from '../engine/engine.ts';

/** Reads the whole body of a request, so that it can be sent again if the other engine has just ended. Null if it is too large. */
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
 * Resolves to `answered` if the request was sent, even if the other engine then crashed: nobody knows what it has done, so the request is not repeated.
 * `gone`: nothing was sent, and the caller can handle the request. If the engine stops responding, the answer is an error.
 */
export function forward(
  { owner, attachment }: RemoteWorkspace,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<'answered' | 'gone'> {
  return new Promise((resolve) => {
    const lost = attachment?.lost;
    // A new connection each time: one from a pool may be dead.
    const onward = httpRequest(
      { agent: false, socketPath: owner.pipe, path: request.url, method: request.method, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        answer.on('error', () => response.destroy());
        resolve('answered');
      },
    );
    const answerLost = () => {
      const { code, message } = lost?.reason as { code: string; message: string };
      if (response.headersSent) response.destroy();
      else response.writeHead(503, { 'content-type': 'application/json' }).end(JSON.stringify({ code, message }));
      resolve('answered');
      onward.destroy();
    };
    lost?.addEventListener('abort', answerLost, { once: true });
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') return resolve('gone');
      if (!response.writableEnded) response.destroy();
      resolve('answered');
    });
    response.on('close', () => {
      lost?.removeEventListener('abort', answerLost);
      onward.destroy();
    });
    onward.end(body);
  });
}

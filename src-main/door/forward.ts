/** Hands a request on to another engine's pipe, streams included. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';

/** False when that engine no longer answers and nothing was sent: the caller may then answer itself. */
export function forward(pipe: string, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  return new Promise((tell) => {
    // A connection of its own: one kept from before may be dead without knowing it, and then nobody can say what arrived.
    const onward = httpRequest({ agent: false, socketPath: pipe, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
      tell(true);
    });
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') return tell(false);
      response.destroy();
      tell(true);
    });
    response.on('close', () => onward.destroy());
    // The body waits until the pipe is there, so that it is still whole when this engine must answer.
    onward.on('socket', (socket) => (socket.connecting ? socket.once('connect', () => request.pipe(onward)) : request.pipe(onward)));
  });
}

import { type IncomingHttpHeaders, request } from 'node:http';
import type { Socket } from 'node:net';

export interface Reply {
  status: number;
  type: string;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as JSON. */
  json(): unknown;
}

export interface RawRequest {
  body?: string | Buffer;
  /** The content type. */
  type?: string;
  /** Announces a body of this many bytes, and sends none. */
  announced?: number;
  /** Keeps the connection open: an answer then comes whole also if niwad has not read all of the body. */
  keep?: boolean;
}

const bearing = new WeakSet<Socket>();

function bearErrors(connection: Socket): void {
  if (!bearing.has(connection)) connection.on('error', () => {});
  bearing.add(connection);
}

/** One request over the socket as any HTTP client makes it, without the typed client. */
export function raw(
  socket: string,
  method: string,
  path: string,
  { body, type, announced, keep = false }: RawRequest = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = {
      connection: keep ? 'keep-alive' : 'close',
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(announced === undefined ? {} : { 'content-length': announced }),
    };
    const call = request({ socketPath: socket, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => {
        text += piece;
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          headers: response.headers,
          text,
          json: () => JSON.parse(text),
        }),
      );
    });
    call.on('error', reject);
    // niwad may answer and close before the body is sent: the error of that write comes when the call is over.
    call.on('socket', bearErrors);
    if (announced === undefined) call.end(body);
    else call.flushHeaders();
  });
}

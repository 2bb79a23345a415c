import { createServer } from 'node:http';
import { hostname } from 'node:os';

let requests = 0;

const server = createServer((request, response) => {
  requests++;
  const { pathname, searchParams } = new URL(request.url, 'http://site');
  if (pathname !== '/') return response.writeHead(404).end('there is no such page\n');
  const name = searchParams.get('name') ?? 'nobody';
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ hello: name, from: hostname(), user: process.getuid(), requests })}\n`);
});

server.listen(80, () => console.log('listening'));
process.on('SIGTERM', () => {
  server.close(() => console.log(`answered ${requests}`));
  server.closeIdleConnections();
});

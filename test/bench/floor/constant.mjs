// @ts-check
// The floor of the API: the same framework, and an answer that is always the same.
import { readFileSync } from 'node:fs';
import Fastify from 'fastify';

const [path = '', file = ''] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const server = Fastify();
server.get('/', (_request, reply) => reply.type('application/json; charset=utf-8').send(text));
await server.listen({ path });
process.stdout.write('listening\n');

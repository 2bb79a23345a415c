import fastify from 'fastify';
import { expect, it } from 'vitest';
import type { Api, ApiOptions } from '../../../src/api/api.js';
import { ownIdOf, takeNamesOfEngines } from '../../../src/api/engine-names.js';
import type { Container } from '../../../src/engine/container.js';

const container = (id: string, oci?: { id: string; root: string }) =>
  ({ id, spec: { oci } }) as unknown as Pick<Container, 'id' | 'spec'>;
const ALL = [
  container('own'),
  container('n1', { id: 'web', root: '/a' }),
  container('n2', { id: 'twice', root: '/a' }),
  container('n3', { id: 'twice', root: '/b' }),
];

it('gives the id in niwad where an engine calls one container so', () => {
  expect(ownIdOf('web', ALL)).toBe('n1');
  expect(ownIdOf('none', ALL)).toBe('none');
});

it('takes the beginning of an id, as engines show their random ones', () => {
  const random = `a1b2c3d4e5f6${'0'.repeat(52)}`;
  const all = [
    ...ALL,
    container('n4', { id: random, root: '/a' }),
    container('n5', { id: 'abcdefabcdef-1', root: '/a' }),
  ];
  expect(ownIdOf('a1b2c3d4e5f6', all)).toBe('n4');
  expect(ownIdOf(random.slice(0, 40), all)).toBe('n4');
  expect(ownIdOf('a1b2c3d4e5f', all)).toBe('a1b2c3d4e5f');
  expect(ownIdOf('abcdefabcdef', all)).toBe('abcdefabcdef');
  const twice = container('n6', { id: `a1b2c3d4e5f6${'1'.repeat(52)}`, root: '/b' });
  expect(() => ownIdOf('a1b2c3d4e5f6', [...all, twice])).toThrow('several engines call a container a1b2c3d4e5f6');
});

it('refuses a name that several have, and names them', () => {
  expect(() => ownIdOf('twice', ALL)).toThrow(
    'several engines call a container twice; name one of these: n2 (--root /a), n3 (--root /b)',
  );
});

it('leaves a route what it does itself before it checks the request', async () => {
  const seen: string[] = [];
  const api = fastify();
  const runtime = { has: () => false, list: () => ALL };
  takeNamesOfEngines(api as unknown as Api, { runtime } as unknown as ApiOptions);
  const idOf = ({ params }: { params: unknown }) => (params as { id: string }).id;
  const preValidation = async (request: { params: unknown }) => {
    seen.push(idOf(request));
  };
  api.get('/v1/containers/:id', { preValidation }, async (request) => idOf(request));
  expect((await api.inject('/v1/containers/web')).body).toBe('n1');
  expect(seen).toEqual(['n1']);
});

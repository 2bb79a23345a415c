import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PATIENCE } from './support/host.js';
import { raw } from './support/http.js';
import { makePlace, Niwad, type Place, removePlace, runNiwa } from './support/niwad.js';

/** niwad's log tells of each operation that changes something: who asked for what, and how it ended. */

interface Line {
  level: string;
  msg: string;
  operation?: string;
  id?: string;
  result?: string;
}

let place: Place;
let niwad: Niwad;

beforeAll(async () => {
  place = makePlace();
  niwad = await Niwad.start(place);
});
afterAll(async () => {
  await niwad.stop();
  await removePlace(place);
});

const lines = () =>
  niwad.log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line);

/** Gives the lines about a container, once the last one that is expected has come. */
async function linesOf(id: string, last: string): Promise<Line[]> {
  const found = () => lines().filter((line) => line.operation !== undefined && line.id === id);
  await vi.waitFor(() => expect(found().at(-1)?.operation).toBe(last), PATIENCE);
  return found();
}

test('each change of a container has a line, with who asked, and reads have none', async () => {
  const { client } = niwad;
  await client.create({ id: 'web', process: { args: ['sleep', '1000'] } });
  await client.start('web');
  await client.list();
  await client.inspect('web');
  const exec = await runNiwa(['--socket', niwad.socket, 'exec', 'web', 'true']);
  expect(exec.exitCode).toBe(0);
  await client.stop('web', { timeout: 0 });
  await client.remove('web');
  const told = await linesOf('web', 'removeContainer');
  expect(told.map(({ operation }) => operation)).toEqual([
    'createContainer',
    'startContainer',
    'execInContainer',
    'stopContainer',
    'removeContainer',
  ]);
  expect(told[1]).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    operation: 'startContainer',
    id: 'web',
    uid: 0,
    pid: process.pid,
    result: 'ok',
    took_usec: expect.any(Number),
    msg: 'operation done',
  });
  expect(lines().filter(({ operation }) => operation?.startsWith('list') || operation?.startsWith('inspect'))).toEqual(
    [],
  );
});

test('a start by the fault of its user is a refusal with code and message, and no stack', async () => {
  await expect(
    niwad.client.create({ id: 'bad', process: { args: ['/no/such/program'] } }, { start: true }),
  ).rejects.toMatchObject({ code: 'START_FAILED' });
  await expect(niwad.client.create({ id: 'bad', process: { args: [] } })).rejects.toMatchObject({
    code: 'SPEC_INVALID',
  });
  const told = await linesOf('bad', 'createContainer');
  await vi.waitFor(() => expect(lines().filter(({ id }) => id === 'bad').length).toBeGreaterThan(1), PATIENCE);
  expect(told[0]).toMatchObject({
    level: 'warn',
    msg: 'operation refused',
    result: 'START_FAILED',
    why: expect.stringContaining('/no/such/program'),
  });
  expect(niwad.log).not.toContain('"stack"');
});

test('a line says at once that a container has started, although its client waits for the end', async () => {
  const waiting = niwad.client.create(
    { id: 'long', process: { args: ['sleep', '1000'] } },
    { start: true, wait: true },
  );
  expect(await linesOf('long', 'createContainer')).toMatchObject([{ result: 'ok', started: true }]);
  await niwad.client.stop('long', { timeout: 0 });
  await waiting;
});

test("a stranger's text is bounded, and no character of it is for the terminal", async () => {
  const id = `\u001b[31m\n\u009b2J\u202e${'x'.repeat(5000)}`;
  await raw(niwad.socket, 'DELETE', `/v1/containers/${encodeURIComponent(id.slice(0, 60))}`);
  await raw(niwad.socket, 'POST', '/v1/containers', { type: 'application/json', body: JSON.stringify({ id }) });
  await vi.waitFor(
    () => expect(lines().filter(({ id: told }) => told?.startsWith('\u001b[31m')).length).toBeGreaterThan(1),
    PATIENCE,
  );
  const told = niwad.log.split('\n').filter((line) => line.includes('\\u001b'));
  for (const line of told) {
    expect(line).toMatch(/^[\x20-\x7e]*$/);
    expect(line.length).toBeLessThan(1500);
  }
});

test('many refusals of one user have a bounded number of lines', async () => {
  const before = lines().filter(({ level }) => level === 'warn').length;
  for (let i = 0; i < 100; i++) await raw(niwad.socket, 'POST', '/v1/containers/none/start');
  await niwad.client.create({ id: 'after', process: { args: ['true'] } }, { start: true, wait: true });
  await linesOf('after', 'createContainer');
  expect(lines().filter(({ level }) => level === 'warn').length - before).toBeLessThanOrEqual(60);
  expect(lines().filter(({ result }) => result === 'NOT_FOUND').length).toBeGreaterThan(10);
});

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, vi } from 'vitest';
import type { SpecInput } from '../../src/client/index.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { scriptsIn } from './support/hooks.js';
import { PATIENCE, SLOWNESS, scaled } from './support/host.js';
import { type Niwad, runNiwa } from './support/niwad.js';
import { test } from './support/test.js';

const shell = (script: string) => ({ args: ['sh', '-c', script] });
const seconds = (milliseconds: number) => scaled(milliseconds) / 1000;

cleanUpDaemons();

/** A server that begins to listen late, on one address alone, and answers each path with the status in it. */
const server = (port: number, address = '127.0.0.1', late = seconds(500)) => ({
  args: [
    'python3',
    '-c',
    `
import time, socket, http.server as h
time.sleep(${late})
class Server(h.HTTPServer):
    address_family = socket.AF_INET6 if ':' in '${address}' else socket.AF_INET
class Handler(h.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path[1:]))
        self.end_headers()
    def log_message(self, *args): pass
Server(('${address}', ${port}), Handler).serve_forever()`,
  ],
});

const readyOf = async (niwad: Niwad, id: string) => (await niwad.client.inspect(id)).ready;

describe('a container is ready', () => {
  test.for([
    ['tcp', '127.0.0.1', { tcp: 8000 }],
    ['tcp6', '::1', { tcp: 8000 }],
    ['http', '127.0.0.1', { http: { port: 8000, path: '/204' } }],
    ['http6', '::1', { http: { port: 8000, path: '/302' } }],
    ['status', '127.0.0.1', { http: { port: 8000, path: '/404', status: 404 } }],
  ] as const)('by %s on %s, in its own network namespace', async ([name, address, ready], { niwad }) => {
    const id = `ready-${name}`;
    const scripts = scriptsIn(niwad.place, id);
    const events = niwad.client.events();
    const first = events.next();
    const waiting = await niwad.start({
      id,
      process: server(8000, address),
      ready,
      hooks: { onReady: [scripts.noting()] },
    });
    expect(waiting.ready).toEqual({ state: 'waiting', at: null, took_usec: null });
    const known = await niwad.client.waitReady(id);
    console.log(`${name}: ready after ${known.took_usec} µs`);
    expect(known).toEqual({ state: 'ready', at: expect.any(String), took_usec: expect.any(Number) });
    expect(known.took_usec).toBeGreaterThan(scaled(500) * 1000);
    expect(known.took_usec).toBeLessThan(20e6 * SLOWNESS);
    expect(await readyOf(niwad, id)).toEqual(known);
    await vi.waitFor(() => expect(scripts.said()).toMatchObject([{ hook: 'onReady', id, ready: known }]), PATIENCE);
    const told = [(await first).value?.type];
    for await (const event of events) if (told.push(event.type) && event.type === 'ready') break;
    expect(told).toEqual(['create', 'start', 'ready']);
    await niwad.client.remove(id, { force: true });
  });

  test('by a command in it, however much that writes', async ({ niwad }) => {
    const id = 'ready-command';
    const ready = { command: ['sh', '-c', 'test -e /tmp/up && head -c 1000000 /dev/zero'] };
    const process = shell(`sleep ${seconds(500)}; touch /tmp/up; exec sleep 1000`);
    const { took_usec } = (await niwad.client.create({ id, process, ready }, { ready: true })).ready ?? {};
    expect(took_usec).toBeGreaterThan(scaled(500) * 1000);
    expect(niwad.pidsOf(id)).toHaveLength(1);
  });

  test('not by what listens on the host, nor by another container', async ({ niwad }) => {
    const port = 18_437;
    await niwad.start({
      id: 'ready-other',
      process: server(port, '127.0.0.1', 0),
      namespaces: { network: 'host' },
      userns: 'host',
      ready: { tcp: port },
    });
    expect(await niwad.client.waitReady('ready-other')).toMatchObject({ state: 'ready' });
    const id = 'ready-alone';
    await niwad.start({
      id,
      process: { args: ['sleep', '1000'] },
      ready: { tcp: port, timeout: seconds(500), onTimeout: 'log' },
    });
    expect(await niwad.client.waitReady(id)).toMatchObject({ state: 'failed', took_usec: null });
  });

  test('and one request makes, starts and waits for it; ps and the metrics show it', async ({ niwad }) => {
    const id = 'ready-request';
    const status = await niwad.client.create({ id, process: server(8000), ready: { tcp: 8000 } }, { ready: true });
    expect(status).toMatchObject({ state: 'running', ready: { state: 'ready' } });
    const { stdout } = await runNiwa(['--socket', niwad.socket, 'ps']);
    expect(stdout).toMatch(new RegExp(`^${id} +ready `, 'm'));
    const waited = await runNiwa(['--socket', niwad.socket, 'wait', '--ready', id]);
    expect(waited).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^ready after [0-9.]+m?s$/) });
    expect(await niwad.client.metrics()).toMatch(/^niwa_ready_seconds_count [1-9]/m);
    await expect(niwad.client.create({ process: server(1) }, { ready: true })).rejects.toMatchObject({
      code: 'SPEC_INVALID',
    });
  });

  test('for niwa run --wait-ready too', async ({ niwad }) => {
    const late = `exec python3 -m http.server 8000 --bind 127.0.0.1`;
    const flags = ['run', '-d', '--name', 'ready-cli', '--wait-ready', '--ready', 'http:8000/', '--', 'sh', '-c', late];
    expect(await runNiwa(['--socket', niwad.socket, ...flags])).toMatchObject({ exitCode: 0, stdout: 'ready-cli' });
    expect(await readyOf(niwad, 'ready-cli')).toMatchObject({ state: 'ready' });
  });
});

/** Workloads that do not get ready, and how they are asked. */
const unready: [name: string, args: string[], ready: NonNullable<SpecInput['ready']>][] = [
  ['false', ['sleep', '1000'], { command: ['false'] }],
  ['hanging', ['sleep', '1000'], { command: ['sleep', '1000'] }],
  ['missing', ['sleep', '1000'], { command: ['no-such-program'] }],
  ['refused', ['sleep', '1000'], { tcp: 8000 }],
  ['wrong', server(8000, '127.0.0.1', 0).args, { http: { port: 8000, path: '/503' } }],
  [
    'silent',
    ['python3', '-c', 'import socket\ns = socket.create_server(("", 8000))\nwhile 1: c = s.accept()'],
    { http: { port: 8000, path: '/' } },
  ],
  [
    'endless',
    [
      'python3',
      '-c',
      'import socket\ns = socket.create_server(("", 8000))\nwhile 1:\n c = s.accept()[0]\n try:\n  c.send(b"HTTP/1.1 200 OK\\r\\nX: ")\n  while 1: c.send(b"x" * 65536)\n except OSError: pass',
    ],
    { http: { port: 8000, path: '/' } },
  ],
  [
    'full',
    [
      'python3',
      '-c',
      'import socket,time\ns = socket.create_server(("", 8000), backlog=0)\nc = [socket.socket() for _ in range(9)]\n[x.setblocking(0) or x.connect_ex(("127.0.0.1", 8000)) for x in c]\ntime.sleep(1000)',
    ],
    { tcp: 8000 },
  ],
];

describe('a container is not ready', () => {
  test.for(unready)('in time (%s): it is stopped, and that is a failure', async ([name, args, ready], { niwad }) => {
    const id = `unready-${name}`;
    const scripts = scriptsIn(niwad.place, id);
    const hooks = { onReady: [scripts.noting()], onFailure: [scripts.noting()], afterExit: [scripts.noting()] };
    await niwad.start({ id, process: { args }, ready: { ...ready, timeout: seconds(1500) }, hooks });
    const exit = await niwad.client.wait(id);
    expect(exit.reason).toBe('stopped');
    expect(await readyOf(niwad, id)).toMatchObject({ state: 'failed', took_usec: null });
    await vi.waitFor(() => expect(scripts.points()).toEqual(['onFailure', 'afterExit']), PATIENCE);
    expect(scripts.said()[0]).toMatchObject({ state: 'running', ready: { state: 'failed' } });
  });

  test('in time, and goes on where the spec says so', async ({ niwad }) => {
    const id = 'unready-goes-on';
    const ready = { tcp: 8000, timeout: '200ms', onTimeout: 'log' as const };
    const status = await niwad.client.create({ id, process: { args: ['sleep', '1000'] }, ready }, { ready: true });
    expect(status).toMatchObject({ state: 'running', ready: { state: 'failed' } });
    await sleep(200);
    expect(await niwad.client.inspect(id)).toMatchObject({ state: 'running' });
  });

  test('when it ends before', async ({ niwad }) => {
    const id = 'unready-ends';
    await niwad.start({ id, process: shell('sleep 0.3'), ready: { tcp: 8000 } });
    expect(await niwad.client.waitReady(id)).toMatchObject({ state: 'failed' });
    expect(await niwad.client.wait(id)).toMatchObject({ reason: 'exited', code: 0 });
  });
});

test('after a kill of niwad the next one goes on waiting, and knows who was ready', async () => {
  const place = newPlace();
  const scripts = scriptsIn(place, 'late');
  const first = await startDaemon(place);
  await first.client.create(
    { id: 'early', process: server(8000, '127.0.0.1', 0), ready: { tcp: 8000 } },
    { ready: true },
  );
  const early = await readyOf(first, 'early');
  const late = server(8000, '127.0.0.1', seconds(3000));
  await first.start({ id: 'late', process: late, ready: { tcp: 8000 }, hooks: { onReady: [scripts.noting()] } });
  const over = { tcp: 8000, timeout: seconds(300) };
  await first.start({
    id: 'over',
    process: server(8000, '127.0.0.1', seconds(250)),
    ready: { ...over, onTimeout: 'log' },
  });
  await first.stop('SIGKILL');
  await sleep(scaled(1000));
  const second = await startDaemon(place);
  expect(await readyOf(second, 'early')).toEqual(early);
  const known = await second.client.waitReady('late');
  expect(known.state).toBe('ready');
  expect(known.took_usec).toBeGreaterThan(scaled(3000) * 1000);
  await vi.waitFor(() => expect(scripts.points()).toEqual(['onReady']), PATIENCE);
  expect(await second.client.waitReady('over')).toMatchObject({ state: 'ready' }); // nobody had looked
});

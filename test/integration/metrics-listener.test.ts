import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { scaled } from './support/host.js';

/** The TCP port of niwad at which metrics alone are read. */

const CONNECTIONS = 32;
const LIFE_MS = 10_000;
const PATIENCE = { timeout: scaled(10_000), interval: 50 };

cleanUpDaemons();

/** A port that nobody listens at. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface Answer {
  status: number | undefined;
  allow: string | undefined;
  length: string | undefined;
  text: string;
}

function ask(port: number, { host = '127.0.0.1', method = 'GET', path = '/metrics' } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host, port, method, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      const { allow, 'content-length': length } = response.headers;
      response.on('end', () => resolve({ status: response.statusCode, allow, length, text }));
    });
    call.on('error', reject).end();
  });
}

/** A connection that sends the beginning of a request, and one more piece of it now and then; it ends with the test. */
async function hold(port: number, beginning = '', piece = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  socket.write(beginning);
  const sending = setInterval(() => piece && socket.writable && socket.write(piece), 200);
  socket.once('close', () => clearInterval(sending)).resume();
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** The inodes of the TCP sockets that a process has open. */
function tcpSocketsOf(pid: number): string[] {
  const tables = ['tcp', 'tcp6'].map((name) => readFileSync(`/proc/${pid}/net/${name}`, 'utf8')).join('\n');
  const inodes = new Set(tables.split('\n').map((line) => line.trim().split(/ +/)[9] ?? ''));
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ''; // closed meanwhile
    }
  });
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []).filter((inode) => inodes.has(inode));
}

test('there is no TCP port unless the configuration has one', async () => {
  const port = await freePort();
  const quiet = await startDaemon(newPlace());
  expect(tcpSocketsOf(quiet.pid)).toEqual([]);
  const listening = await startDaemon(newPlace({ metricsListen: `127.0.0.1:${port}` }));
  await ask(port);
  expect(tcpSocketsOf(listening.pid).length).toBeGreaterThan(0);
});

test('metrics can be read there, and nothing else can be had', async () => {
  const port = await freePort();
  const niwad = await startDaemon(newPlace({ metricsListen: `127.0.0.1:${port}` }));
  await niwad.start({ id: 'web', owner: 'alice', process: { args: ['sleep', '1000'] } });
  const { status, text, length } = await ask(port, { path: '/metrics?any=thing' });
  expect([status, Number(length)]).toEqual([200, Buffer.byteLength(text)]);
  expect(text).toContain('niwa_container_cpu_usage_seconds_total{id="web",owner="alice"}');
  expect((await ask(port)).text).toBe(text); // one text a second for all
  await vi.waitFor(async () => expect((await ask(port)).text).not.toBe(text), PATIENCE);
  expect(await ask(port, { method: 'HEAD' })).toMatchObject({ status: 200, length: expect.any(String), text: '' });
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    expect(await ask(port, { method }), method).toMatchObject({ status: 405, allow: 'GET, HEAD' });
  for (const path of ['/', '/v1/containers', '/metrics/', '/v1/../metrics', '//metrics', '/v1/health'])
    expect((await ask(port, { path })).status, path).toBe(404);
  expect((await ask(port, { method: 'POST', path: '/v1/containers?start=true' })).status).toBe(404);
  await expect(ask(port, { method: 'CONNECT' })).rejects.toThrow();
  expect((await niwad.client.list()).map(({ id }) => id)).toEqual(['web']);
});

test('all states and reasons have a series from the start, and niwad tells of itself', async () => {
  const port = await freePort();
  const niwad = await startDaemon(newPlace({ metricsListen: `[::1]:${port}` }));
  const { text } = await ask(port, { host: '::1' });
  for (const state of ['created', 'running', 'paused', 'stopping', 'exited'])
    expect(text).toContain(`niwa_containers{state="${state}"} 0\n`);
  for (const reason of ['exited', 'signaled', 'oom', 'lifetime', 'stopped', 'killed', 'start-failed', 'unknown'])
    expect(text).toContain(`niwa_exits_total{reason="${reason}"} 0\n`);
  expect(text).toMatch(/^niwa_build_info\{version="\d+\.\d+\.\d+",node="v\d+\.\d+\.\d+"\} 1$/m);
  const value = (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
  expect(Math.abs(value('process_start_time_seconds') - Date.now() / 1000)).toBeLessThan(scaled(10));
  expect(value('process_open_fds')).toBeGreaterThan(5);
  expect(value('process_open_fds')).toBeLessThan(value('process_max_fds'));
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
  expect(value('process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(value('nodejs_eventloop_lag_max_seconds')).toBeGreaterThanOrEqual(0);
  expect(value('niwa_start_seconds_count')).toBe(0);
  await niwad.run({ process: { args: ['true'] } });
  await vi.waitFor(async () => expect((await ask(port, { host: '::1' })).text).toContain('niwa_start_seconds_count 1'));
});

test('clients that say nothing or little hold up nobody: each connection ends', async () => {
  const port = await freePort();
  const niwad = await startDaemon(newPlace({ metricsListen: `127.0.0.1:${port}` }));
  const begun = performance.now();
  const silent = await Promise.all(Array.from({ length: CONNECTIONS - 2 }, () => hold(port)));
  const slow = [await hold(port, 'GET /met'), await hold(port, 'GET /metrics HTTP/1.1\r\n', 'a: b\r\n')];
  await sleep(200);
  expect(silent.filter(({ closed }) => closed)).toEqual([]);
  await expect(ask(port)).rejects.toThrow(); // one more than may be
  expect(await niwad.client.health()).toEqual({ status: 'ok' });
  await vi.waitFor(async () => expect((await ask(port)).status).toBe(200), {
    timeout: LIFE_MS + PATIENCE.timeout,
    interval: 100,
  });
  expect(performance.now() - begun).toBeGreaterThan(LIFE_MS / 2);
  await vi.waitFor(() => expect([...silent, ...slow].filter(({ closed }) => !closed)).toEqual([]), PATIENCE);
  expect(tcpSocketsOf(niwad.pid)).toHaveLength(1);
});

test('a port that another program has is waited for; containers start, live and are not touched', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const niwad = await startDaemon(newPlace({ metricsListen: `127.0.0.1:${port}` }));
  const { pid } = await niwad.start({ id: 'web', process: { args: ['sleep', '1000'] } });
  await vi.waitFor(() => expect(niwad.log).toMatch(/metrics cannot be read.*EADDRINUSE/), PATIENCE);
  await sleep(2500); // two more attempts, which say nothing
  expect(niwad.log.match(/metrics cannot be read/g)).toHaveLength(1);
  other.close();
  await vi.waitFor(async () => expect((await ask(port)).status).toBe(200), PATIENCE);
  expect(niwad.log).toContain('metrics can be read');
  expect((await niwad.client.inspect('web')).pid).toBe(pid);
  expect(await niwad.stop()).toBe(0);
});

test('the port is there again after a restart and after a death, while containers go on', async () => {
  const port = await freePort();
  const place = newPlace({ metricsListen: `127.0.0.1:${port}` });
  const first = await startDaemon(place);
  const { pid } = await first.start({ id: 'web', process: { args: ['sleep', '1000'] } });
  await hold(port);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const before = signal === 'SIGTERM' ? first : await startDaemon(place);
    await vi.waitFor(async () => expect((await ask(port)).text).toContain('id="web"'), PATIENCE);
    await before.stop(signal);
    await expect(ask(port)).rejects.toThrow('ECONNREFUSED');
  }
  const last = await startDaemon(place);
  await vi.waitFor(async () => expect((await ask(port)).text).toContain('id="web"'), PATIENCE);
  expect((await last.client.inspect('web')).pid).toBe(pid);
});

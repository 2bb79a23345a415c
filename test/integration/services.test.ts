import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ServiceInput } from '../../src/protocol/service.js';
import { tarOf } from '../unit/images/make-tar.js';
import { PATIENCE, scaled } from './support/host.js';
import { dockerTar, importBytes, shell } from './support/images.js';
import {
  BRIDGE,
  echoServer,
  inside,
  makeNetwork,
  NODE,
  nodePlace,
  serve,
  startOnNode,
  WORLD,
  wakeByDatagram,
} from './support/network.js';
import type { Niwad } from './support/niwad.js';
import { ask, askOnce, occupy, SERVER, serviceOf } from './support/services.js';

const place = nodePlace();
let niwad: Niwad;
makeNetwork();
beforeAll(async () => {
  niwad = await startOnNode(place);
});
afterEach(async () => {
  for (const { name } of await niwad.client.services()) await niwad.client.removeService(name);
  await vi.waitFor(async () => expect(await niwad.client.services()).toEqual([]), PATIENCE);
});

const apply = (fields: Partial<ServiceInput> = {}, program?: string) =>
  niwad.client.applyService(serviceOf({ drain: '1s', ...fields }, program));
const shop = () => niwad.client.service('shop');
const template = (fields: object, program = SERVER) => ({ process: { args: ['python3', '-c', program] }, ...fields });
const total = (answers: Record<string, number>) => Object.values(answers).reduce((sum, count) => sum + count, 0);

/** How many answers did not come from an instance. */
const failed = (answers: Record<string, number>) =>
  total(Object.fromEntries(Object.entries(answers).filter(([answer]) => !answer.startsWith('shop-'))));

const TWO_ROUTED = ['routed', 'routed'];

async function killAndRestart(): Promise<void> {
  await niwad.stop('SIGKILL');
  niwad = await startOnNode(place);
}

describe('a sleeping service', () => {
  it('is woken by a request, which its container answers', async () => {
    await apply();
    expect(await niwad.client.list()).toEqual([]);
    const id = await askOnce(WORLD);
    expect(id).toMatch(/^shop-[0-9a-f]{6}$/);
    const { last_wake, state } = await shop();
    console.log('the first request waited', last_wake);
    expect(state).toBe('serving');
    expect(await askOnce(NODE, { host: '127.0.0.1' })).toBe(id);
    await niwad.client.removeService('shop');
    expect(await askOnce(WORLD)).toBe('ECONNREFUSED');
  });

  it('starts one container for a hundred requests at once, and all are answered', async () => {
    await apply();
    const { answers, ms } = await ask(WORLD, { many: 100 });
    console.log(`100 requests, the slowest took ${Math.round(ms)} ms`);
    expect(Object.values(answers)).toEqual([100]);
    expect(await niwad.client.list()).toHaveLength(1);
  });

  it('refuses at once after its start has failed, and starts again after its backoff', async () => {
    await apply({ wake: { backoff: { min: '20s' } }, template: template({ process: { args: ['/none'] } }) });
    expect(await askOnce(WORLD)).toBe('ECONNREFUSED');
    const { ms } = await ask(WORLD);
    expect(ms).toBeLessThan(5000);
    expect(await shop()).toMatchObject({ state: 'failing', last_failure: { reason: 'START_FAILED', count: 1 } });
    await apply();
    expect(await askOnce(WORLD)).toMatch(/^shop-/);
  });

  it('that never gets ready refuses what waits after its timeout, and leaves no container', async () => {
    await apply({ wake: { timeout: '1s' } }, 'import time; time.sleep(100)');
    const { answers, ms } = await ask(WORLD, { many: 5 });
    expect(answers).toEqual({ ECONNREFUSED: 5 });
    expect(ms).toBeLessThan(10_000);
    expect((await shop()).last_failure).toMatchObject({ reason: 'start-timeout' });
    await vi.waitFor(async () => expect(await niwad.client.list({ state: 'running' })).toEqual([]), PATIENCE);
  });

  it('backs off when its program crashes each time it has begun to serve', async () => {
    const crashing = SERVER.replace('while True:', 'for i in range(2): # the first one asks whether it is ready');
    await apply({ wake: { backoff: { min: '4s' } } }, crashing);
    expect(await askOnce(WORLD)).toMatch(/^shop-/);
    await vi.waitFor(async () => expect((await shop()).instances).toEqual([]), PATIENCE);
    expect(await askOnce(WORLD)).toBe('ECONNREFUSED');
    expect(await shop()).toMatchObject({ last_failure: { reason: 'exited', count: 1 } });
    await vi.waitFor(async () => expect(await askOnce(WORLD)).toMatch(/^shop-/), PATIENCE);
  });
});

it('a service of UDP is woken by a datagram, which its container answers', async () => {
  const listen = ['0.0.0.0:8053/udp'];
  await apply({ listen }, echoServer('dns', 80));
  expect(wakeByDatagram(WORLD, '192.0.2.1', 8053)).toBe('dns for 192.0.2.2');
  expect((await shop()).state).toBe('serving');
});

it('a service of IPv6 alone is woken by its clients, though its program does not listen by IPv4', async () => {
  const program = SERVER.replace('IPV6_V6ONLY, 0', 'IPV6_V6ONLY, 1');
  await apply({ listen: ['[::]:8080'], wake: { timeout: '5s' } }, program);
  expect(await askOnce(WORLD, { host: '2001:db8::1' })).toMatch(/^shop-/);
});

describe('a service of UDP', () => {
  const apply53 = (after: string, program: string) => apply({ listen: ['0.0.0.0:8053/udp'], idle: { after } }, program);
  const untilFrozen = () =>
    vi.waitFor(async () => expect((await shop()).instances).toMatchObject([{ phase: 'frozen' }]), PATIENCE);

  it('is awake as long as a client sends, and answers it also after it was frozen', async () => {
    await apply53('2500ms', echoServer('dns', 80));
    // One client, of one port: to the kernel, what it sends later belongs to what it has sent before.
    const answersOf = (seconds: number) =>
      Number(
        inside(
          WORLD,
          'python3',
          '-c',
          `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.2)
s.bind(('192.0.2.2', 40002))
s.connect(('192.0.2.1', 8053))
answers, until = 0, time.monotonic() + ${seconds}
while time.monotonic() < until:
    time.sleep(0.05)
    try:
        s.send(b'hello')
        s.recv(100)
        answers += 1
    except OSError: pass
print(answers)`,
        ),
      );
    const freezes = async () => {
      const { decisions } = await niwad.client.serviceHistory('shop');
      return decisions.map(({ step }) => step).filter((step) => step === 'freeze' || step === 'thaw');
    };
    expect(answersOf(5)).toBeGreaterThan(0);
    expect(await freezes()).toEqual([]);
    await untilFrozen();
    expect(answersOf(2)).toBeGreaterThan(0);
    expect(await freezes()).toEqual(['freeze', 'thaw']);
  });

  it('is quiet without a client, whatever its container asks others, and the kernel tells its interfaces', async () => {
    const asking = `
import socket, threading, time
def ask():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(('192.0.2.2', 9053))
    while True:
        time.sleep(0.1)
        s.send(b'hello')
        s.recv(100)
threading.Thread(target=ask, daemon=True).start()
${echoServer('dns', 80)}`;
    const telling = `
import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex('${BRIDGE}'))
print('ready', flush=True)
while True:
    time.sleep(0.1)
    s.sendto(b'hello', ('ff02::1', 9))`;
    await serve(WORLD, echoServer('world', 9053));
    await apply53('3s', asking);
    expect(wakeByDatagram(WORLD, '192.0.2.1', 8053)).toBe('dns for 192.0.2.2');
    await serve(NODE, telling);
    const id = (await shop()).instances[0]?.id ?? '';
    const received = async () => (await niwad.client.stats(id)).usage.network?.rx_packets;
    const before = (await received()) ?? Number.NaN;
    await vi.waitFor(async () => expect(await received()).toBeGreaterThan(before + 20), PATIENCE);
    await untilFrozen();
  });
});

describe('a service that serves', () => {
  it('passes the ends of lifetimes under load without a failed request', async () => {
    await apply({ template: template({ lifetime: '4s' }) });
    await askOnce(WORLD);
    const { answers } = await ask(WORLD, { many: 4, seconds: 12 });
    console.log(`${total(answers)} requests to ${Object.keys(answers).length} instances`);
    expect(failed(answers)).toBe(0);
    expect(Object.keys(answers).length).toBeGreaterThan(2);
    expect((await shop()).counters.replacements).toBeGreaterThan(1);
  });

  it('is there without a gap while niwad is killed and started again', async () => {
    // A lifetime that ends while no niwad runs leaves nobody who serves: `drain` is longer than niwad is away.
    await apply({ drain: '8s', template: template({ lifetime: '16s' }) });
    await askOnce(WORLD);
    const asking = ask(WORLD, { many: 4, seconds: 12 });
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await killAndRestart();
    }
    const { answers } = await asking;
    console.log(`${total(answers)} requests over four deaths of niwad, to ${Object.keys(answers).length} instances`);
    expect(failed(answers)).toBe(0);
    expect(Object.keys(answers).length).toBeGreaterThan(1);
    expect(await shop()).toMatchObject({ state: 'serving' });
    expect((await shop()).counters.wakes).toBeGreaterThan(0);
    expect((await niwad.client.serviceHistory('shop')).decisions[0]).toMatchObject({
      step: 'apply',
      why: 'created: revision 1',
    });
    await niwad.stop('SIGTERM');
    niwad = await startOnNode(place);
    expect((await niwad.client.serviceHistory('shop')).figures.at(-1)).toMatchObject({
      slots_used: expect.any(Number),
    });
  });

  it('replaces an instance that stops answering its checks', async () => {
    const command = ['test', '!', '-e', '/tmp/sick'];
    await apply({ live: { every: '200ms', failures: 2, command } });
    const id = await askOnce(WORLD);
    await niwad.cli('exec', id, '--', 'touch', '/tmp/sick');
    await vi.waitFor(async () => expect((await shop()).counters.failures).toEqual({ sick: 1 }), PATIENCE);
    // It was sick so soon that the next start waits for its backoff, and requests are refused until then.
    await vi.waitFor(async () => expect(await askOnce(WORLD)).toMatch(/^shop-/), PATIENCE);
    expect((await shop()).instances.map((instance) => instance.id)).not.toContain(id);
  });

  it('gives no new connection to an instance whose first process was killed', async () => {
    await apply({ slots: 2, minInstances: 2 });
    await vi.waitFor(
      async () => expect((await shop()).instances.map(({ phase }) => phase)).toEqual(TWO_ROUTED),
      PATIENCE,
    );
    const [{ id } = { id: '' }] = (await shop()).instances;
    const { pid } = await niwad.client.inspect(id);
    const asking = ask(WORLD, { seconds: 2, pauseMs: 2 });
    setTimeout(() => process.kill(pid ?? Number.NaN, 'SIGKILL'), 1000);
    const { answers, failedForMs } = await asking;
    console.log(`${total(answers)} requests, refused for ${failedForMs.toFixed(1)} ms`);
    expect(failedForMs).toBeLessThan(scaled(100));
  });

  it('makes another instance where one is removed by hand', async () => {
    await apply({ minInstances: 1 });
    await vi.waitFor(async () => expect((await shop()).state).toBe('serving'), PATIENCE);
    const [{ id } = { id: '' }] = (await shop()).instances;
    await niwad.client.remove(id, { force: true });
    await vi.waitFor(async () => expect((await shop()).state).toBe('serving'), PATIENCE);
    expect((await shop()).instances.map((instance) => instance.id)).not.toContain(id);
    expect(await askOnce(WORLD)).toMatch(/^shop-/);
  });

  it('has as many instances as are held, and never more than its slots', async () => {
    await apply({ slots: 2 });
    await expect(niwad.client.scaleService('shop', 3)).rejects.toMatchObject({ code: 'SPEC_INVALID' });
    await niwad.client.scaleService('shop', 2);
    await vi.waitFor(async () => {
      expect((await shop()).instances.map(({ phase }) => phase)).toEqual(['routed', 'routed']);
    }, PATIENCE);
    const { answers } = await ask(WORLD, { many: 50 });
    expect(Object.keys(answers)).toHaveLength(2);
    expect(failed(answers)).toBe(0);
  });

  it('is replaced one by one by apply --now, without a failed request', async () => {
    await apply();
    const first = await askOnce(WORLD);
    const asking = ask(WORLD, { many: 4, seconds: 6, pauseMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const changed = serviceOf({ template: template({ hostname: 'shop-new' }) });
    await niwad.client.applyService(changed, { now: true });
    const { answers } = await asking;
    expect(failed(answers)).toBe(0);
    expect(Object.keys(answers).sort()).toEqual([first, 'shop-new'].sort());
  });
});

it('a service of an image serves the new one after it was replaced under its name', async () => {
  const importVersion = (version: string) =>
    importBytes(niwad, dockerTar([tarOf(...shell(), { path: 'version', data: version })]), 'site');
  const args = ['/bin/busybox', 'nc', '-ll', '-p', '80', '-e', '/bin/cat', '/version'];
  await importVersion('one');
  const service = serviceOf({ drain: '1s', template: { process: { args }, root: { image: 'site' } } });
  await niwad.client.applyService(service);
  expect(await askOnce(WORLD)).toBe('one');
  await importVersion('two');
  expect(await askOnce(WORLD)).toBe('one');
  expect(await niwad.client.applyService(service, { now: true })).toMatchObject({ result: 'changed', revision: 2 });
  await vi.waitFor(async () => expect(await askOnce(WORLD)).toBe('two'), PATIENCE);
});

describe('a quiet service', () => {
  it('is frozen, and the next request thaws it', async () => {
    await apply({ idle: { after: '1s' } });
    const id = await askOnce(WORLD);
    await vi.waitFor(async () => expect((await shop()).state).toBe('frozen'), PATIENCE);
    await vi.waitFor(async () => expect((await niwad.client.inspect(id)).state).toBe('paused'), PATIENCE);
    const { answers, ms } = await ask(WORLD);
    console.log(`the request that thawed it took ${ms.toFixed(1)} ms`, (await shop()).last_wake);
    expect(answers).toEqual({ [id]: 1 });
  });

  it('ends at its deadline while it is frozen, and the next request starts another instance', async () => {
    await apply({ idle: { after: '500ms' }, template: template({ lifetime: '8s' }) });
    const id = await askOnce(WORLD);
    await vi.waitFor(async () => expect((await niwad.client.inspect(id)).state).toBe('paused'), PATIENCE);
    expect(await niwad.client.wait(id)).toMatchObject({ reason: 'lifetime' });
    await vi.waitFor(async () => expect((await shop()).state).toBe('cold'), PATIENCE);
    const next = await askOnce(WORLD);
    expect(next).toMatch(/^shop-/);
    expect(next).not.toBe(id);
  });
});

describe('a node', () => {
  it('that drains wakes nothing, and refuses requests to what sleeps', async () => {
    await apply();
    await niwad.client.drain();
    await vi.waitFor(async () => expect(await askOnce(WORLD, { patience: 1 })).toBe('ECONNREFUSED'), PATIENCE);
    await expect(niwad.client.wakeService('shop')).rejects.toMatchObject({ code: 'DRAINING' });
    await niwad.client.undrain();
    await vi.waitFor(async () => expect(await askOnce(WORLD)).toMatch(/^shop-/), PATIENCE);
  });

  it('has its services asleep after a reboot, and their addresses open', async () => {
    await apply();
    const id = await askOnce(WORLD);
    await niwad.client.remove(id, { force: true });
    await niwad.stop('SIGTERM');
    rmSync(join(place.runDir), { recursive: true });
    niwad = await startOnNode(place);
    expect((await shop()).state).toBe('cold');
    expect(await askOnce(WORLD)).toMatch(/^shop-/);
  });

  it('refuses a service whose address a program of the host has', async () => {
    const leave = await occupy(NODE, 8080);
    const message = expect.stringContaining('`ss -lntup` names the program');
    await expect(apply()).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', message });
    const asked = niwad.client.applyService(serviceOf(), { dryRun: true });
    await expect(asked).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', message });
    leave();
    expect(await niwad.client.services()).toEqual([]);
    await vi.waitFor(() => apply(), PATIENCE);
  });

  it('refuses an address that another service or a published port has', async () => {
    await apply();
    const other = { ...serviceOf(), service: 'other' };
    await expect(niwad.client.applyService(other)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    const spec = { id: 'alone', network: { ports: ['8080:80'] }, process: { args: ['sleep', '9'] } };
    await expect(niwad.client.create(spec)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
  });
});

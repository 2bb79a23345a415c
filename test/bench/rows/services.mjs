// @ts-check
// Services: a cold request beside the start of the same program, and beside systemd-socket-proxyd that wakes the same
// container; a request to a frozen instance; the way of an awake service beside a direct one.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { compile, Floor, takeTurns } from '../harness/order.mjs';
import { summarize } from '../harness/statistics.mjs';

const OWN_NETWORK = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
const PROXYD = '/lib/systemd/systemd-socket-proxyd';
const WRK_SCRIPT = join(import.meta.dirname, '../../integration/support/wrk.lua');
const SUBNET = '10.78.0.0/24';
const ALONE = '10.78.0.200';
const COLD_PORT = 8080;
const FROZEN_PORT = 8081;
const PROXY_PORT = 8082;

/** @typedef {import('../bench.mjs').Context} Context */
/** @typedef {Awaited<ReturnType<Context['place']['daemon']>>} Daemon */

/** @param {Context} context */
export async function measure({ place, much, row }) {
  for (const name of ['site', 'ask']) compile(name, join(name === 'site' ? place.root : place.directory, name));
  const daemon = await place.daemon({ network: { subnet: SUBNET } }, { launcher: OWN_NETWORK });
  const template = { process: { args: ['/site'] }, root: { path: place.root }, userns: /** @type {const} */ ('host') };
  const alone = { ...template, id: 'alone', init: true, network: { address: ALONE } };
  const asker = (/** @type {string} */ host, /** @type {number} */ port) =>
    new Floor('/usr/bin', 'nsenter', [
      '--net',
      `--target=${daemon.pid}`,
      join(place.directory, 'ask'),
      host,
      `${port}`,
    ]);
  const askers = {
    cold: asker('127.0.0.1', COLD_PORT),
    frozen: asker('127.0.0.1', FROZEN_PORT),
    alone: asker(ALONE, 80),
    proxy: asker('127.0.0.1', PROXY_PORT),
  };
  try {
    const service = (/** @type {string} */ name, /** @type {number} */ port, /** @type {'freeze' | 'none'} */ action) =>
      daemon.client.applyService({
        service: name,
        listen: [`0.0.0.0:${port}`],
        port: 80,
        idle: { after: '100ms', action },
        scale: 'none',
        template,
      });
    await service('cold', COLD_PORT, 'none');
    await service('frozen', FROZEN_PORT, 'freeze');

    /** @type {import('../harness/order.mjs').Measure} */
    const cold = async (count) =>
      await each(
        count,
        () => askers.cold.measure(1, 1),
        () => fallAsleep(daemon, 'cold'),
      );
    /** @type {import('../harness/order.mjs').Measure} */
    const start = async (count) =>
      await each(
        count,
        () =>
          timed(async () => {
            await daemon.client.create(alone, { start: true });
            await askers.alone.measure(1, 1);
          }),
        () => daemon.client.remove('alone', { force: true }),
      );
    /** @type {import('../harness/order.mjs').Measure} */
    const proxyd = async (count) => {
      let activator = await activate(daemon, alone);
      return await each(
        count,
        () => askers.proxy.measure(1, 1),
        async () => {
          activator.kill('SIGKILL');
          await daemon.client.remove('alone', { force: true });
          activator = await activate(daemon, alone);
        },
      ).finally(async () => {
        activator.kill('SIGKILL');
        await daemon.client.remove('alone', { force: true }).catch(() => {});
      });
    };
    const times = await takeTurns({ start, cold, proxyd }, much(5, 6));
    const summary = (/** @type {keyof typeof times} */ name) => {
      const result = times[name];
      return result === undefined || result.times.length === 0 ? null : summarize(result.times);
    };
    row({
      what: 'a cold request: first SYN to first byte',
      unit: 'us',
      measured: summary('cold'),
      floor: 'start to first byte, by the API',
      floorMeasured: summary('start'),
      ratioAtMost: 1.3,
    });
    row({
      what: 'a cold request: first SYN to first byte',
      subject: 'systemd-socket-proxyd, starts the same container by the API',
      unit: 'us',
      measured: summary('proxyd'),
      floor: 'start to first byte, by the API',
      floorMeasured: summary('start'),
      note: times.proxyd?.error ?? '',
    });

    await askers.frozen.measure(1, 1);
    const thaws = await each(
      much(20, 1).rounds,
      () => askers.frozen.measure(1, 1),
      () => until(daemon, 'frozen', ({ state }) => state === 'frozen'),
      true,
    );
    row({
      what: 'a request to a frozen instance: first SYN to first byte',
      unit: 'us',
      measured: summarize(thaws.times),
      medianAtMost: 5000,
    });

    await daemon.client.create(alone, { start: true });
    await askers.alone.measure(1, 1);
    await daemon.client.scaleService('cold', 1);
    await until(daemon, 'cold', ({ state }) => state === 'serving');
    await warmRows({ daemon, much, row });
  } finally {
    for (const asker of Object.values(askers)) asker.close();
  }
}

/**
 * Does something a number of times, with something that is not measured before or after each.
 * @param {number} count
 * @param {() => Promise<{ times: number[] }>} once
 * @param {() => Promise<unknown>} between
 * @param {boolean} [isBefore]
 */
async function each(count, once, between, isBefore = false) {
  const times = [];
  for (let i = 0; i < count; i++) {
    if (isBefore) await between();
    times.push(...(await once()).times);
    if (!isBefore) await between();
  }
  return { times, wall: times.reduce((sum, time) => sum + time, 0) };
}

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const begin = performance.now();
  await work();
  return { times: [(performance.now() - begin) * 1000] };
}

/**
 * Ends the instances of a service, and lets requests wake it again.
 * @param {Daemon} daemon
 * @param {string} name
 */
async function fallAsleep(daemon, name) {
  await daemon.client.scaleService(name, 0);
  await until(daemon, name, ({ instances }) => instances.length === 0);
  await daemon.client.scaleService(name, null);
  await until(daemon, name, ({ state }) => state === 'cold');
}

/**
 * @param {Daemon} daemon
 * @param {string} name
 * @param {(status: Awaited<ReturnType<Daemon['client']['service']>>) => boolean} fits
 */
async function until(daemon, name, fits) {
  while (!fits(await daemon.client.service(name))) await sleep(5);
}

/**
 * Has systemd listen: the first connection starts the container by niwad's API, and proxyd then forwards.
 * @param {Daemon} daemon
 * @param {object} spec
 */
async function activate(daemon, spec) {
  const curl = [
    'curl',
    '-sSf',
    '-o',
    '/dev/null',
    '--unix-socket',
    daemon.socket,
    '-H',
    'Content-Type: application/json',
  ];
  const words = [...curl, '-d', JSON.stringify(spec), 'http://niwa/v1/containers?start=true'];
  const script = `"$@" && until exec 9<>/dev/tcp/${ALONE}/80; do :; done 2> /dev/null; exec 9>&-; exec ${PROXYD} ${ALONE}:80`;
  const command = ['systemd-socket-activate', '-l', `127.0.0.1:${PROXY_PORT}`, 'bash', '-c', script, 'bash', ...words];
  const child = spawn('nsenter', ['--net', `--target=${daemon.pid}`, ...command], { stdio: 'ignore' });
  const listening = ['--net', `--target=${daemon.pid}`, 'sh', '-c', `ss -ltnH sport = :${PROXY_PORT} | grep -q .`];
  while ((await execa('nsenter', listening, { reject: false })).exitCode !== 0) await sleep(5);
  return child;
}

/**
 * The way of an awake service beside the direct one, in turns of a second.
 * @param {{ daemon: Daemon } & Pick<Context, 'much' | 'row'>} parts
 */
async function warmRows({ daemon, much, row }) {
  const wrk = async (/** @type {string} */ address, /** @type {number} */ connections) => {
    const flags = ['-t', '1', '-c', `${connections}`, '-d', '1s', '-s', WRK_SCRIPT, `http://${address}/`];
    const { stdout } = await execa('nsenter', ['--net', `--target=${daemon.pid}`, 'wrk', ...flags]);
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  };
  const ways = { direct: `${ALONE}:80`, service: `127.0.0.1:${COLD_PORT}` };
  const rates = { direct: /** @type {number[]} */ ([]), service: /** @type {number[]} */ ([]) };
  const medians = { direct: /** @type {number[]} */ ([]), service: /** @type {number[]} */ ([]) };
  /** @type {('direct' | 'service')[]} */
  const order = ['direct', 'service'];
  for (let round = 0; round < much(8, 1).rounds; round++) {
    for (const way of order.reverse()) {
      const { requests, usec } = await wrk(ways[way], 32);
      rates[way].push((requests * 1e6) / usec);
      medians[way].push((await wrk(ways[way], 1)).medianUsec);
    }
  }
  const floor = 'direct to the address of a container';
  row({
    what: 'an awake service, 32 connections: requests a second',
    unit: '1/s',
    measured: summarize(rates.service),
    floor,
    floorMeasured: summarize(rates.direct),
    ratioAtLeast: 0.7,
  });
  const [own, direct] = [summarize(medians.service), summarize(medians.direct)];
  row({
    what: 'an awake service, 1 connection: the median of a request',
    unit: 'us',
    measured: own,
    floor,
    floorMeasured: direct,
    goal: 'at most 5 us more',
    met: own.median - direct.median <= 5,
  });
}

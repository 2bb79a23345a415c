// @ts-check
// The part of the demo about services: a site without a container answers its first request, load multiplies it, its
// lifetimes pass under load, it quiets down, and the customer's bill is printed.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { historyTable, latencyText, serviceTable } from '../../dist/cli/service-text.js';
import { usageTable } from '../../dist/cli/usage-table.js';

const page = fileURLToPath(new URL('site.html', import.meta.url));
const wrkScript = fileURLToPath(new URL('../integration/support/wrk.lua', import.meta.url));

const NAME = 'shop';
const PORT = 8080;
const ADDRESS = `http://127.0.0.1:${PORT}/`;
const OWNER = 'carol';
const SLOTS = 3;
const PROCESSORS = 0.2;
const LOAD_SECONDS = 26;
const LIFETIME = '12s';
const QUIET_SECONDS = 30;

/** @typedef {import('../../dist/client/index.js').NiwaClient} NiwaClient */
/** @typedef {Awaited<ReturnType<NiwaClient['service']>>} ServiceStatus */
/** @typedef {{ requests: number, usec: number, connect: number, read: number, write: number, status: number, timeout: number, medianUsec: number }} LoadResult */

/**
 * Shows services.
 * @param {object} parts
 * @param {NiwaClient} parts.client
 * @param {number} parts.pid of niwad: what it and its bridge are in is the network of the demo
 * @param {string[]} parts.available the cgroup v2 controllers
 * @param {(text: string) => void} parts.say
 * @throws {Error} where a request failed, or the service did not do what is said
 */
export async function showServices({ client, pid, available, say }) {
  const hasCpu = available.includes('cpu');
  /** @type {(program: string, words: string[]) => Promise<string>} */
  const inNetwork = async (program, words) =>
    (await execa('nsenter', ['--net', `--target=${pid}`, program, ...words])).stdout;

  const limit = hasCpu ? ` of ${PROCESSORS} processors` : '';
  say(`a service: the address of a site is open, and no container runs; it may have ${SLOTS}${limit}:`);
  await client.applyService(site(hasCpu));
  console.log(serviceTable(await client.services(), Date.now()).text());

  say('its first request wakes a container:');
  const [status, seconds] = (
    await inNetwork('curl', ['-sSo', '/dev/null', '-w', '%{http_code} %{time_total}', ADDRESS])
  ).split(' ');
  if (status !== '200') throw new Error(`the first request got status ${status}`);
  const { last_wake: wake } = await client.service(NAME);
  if (wake === null) throw new Error('the request was not held');
  console.log(`answered after ${Math.round(Number(seconds) * 1000)} ms; it could be let go after ${latencyText(wake)}`);

  say(`a load for ${LOAD_SECONDS} s, longer than two lifetimes of ${LIFETIME}:`);
  const load = inNetwork('wrk', wrkWords());
  const most = await watch(client, load);
  await tellLoad(client, JSON.parse((await load).trimEnd().split('\n').at(-1) ?? ''));
  if (hasCpu && most < SLOTS) throw new Error(`the load made ${most} instances, not ${SLOTS}`);

  say('no load any more:');
  await untilQuiet(client);

  say('what was decided, and why:');
  console.log(historyTable((await client.serviceHistory(NAME)).decisions).text());
  say("the customer's bill, when the service is removed:");
  await client.removeService(NAME);
  await untilGone(client);
  console.log(usageTable(await client.usage({ by: 'service', owner: OWNER })).text());
}

/**
 * @param {boolean} hasCpu
 * @returns {import('../../dist/protocol/service.js').ServiceInput}
 */
function site(hasCpu) {
  return {
    service: NAME,
    owner: OWNER,
    listen: [`0.0.0.0:${PORT}`],
    port: 80,
    slots: SLOTS,
    drain: '2s',
    idle: { after: '3s', action: 'freeze' },
    ...(hasCpu ? {} : { scale: 'none' }),
    template: {
      process: { args: ['/site/busybox', 'httpd', '-f', '-p', '80', '-h', '/site/www'] },
      mounts: [
        { type: 'bind', source: '/bin/busybox', target: '/site/busybox', readonly: true },
        { type: 'bind', source: page, target: '/site/www/index.html', readonly: true },
      ],
      ...(hasCpu ? { resources: { cpu: { max: PROCESSORS }, memory: { max: '64M' } } } : {}),
      lifetime: LIFETIME,
    },
  };
}

function wrkWords() {
  const flags = ['-t', '1', '-c', '6', '-d', `${LOAD_SECONDS}s`, '--timeout', '30s', '-s', wrkScript];
  return [...flags, '-H', 'Connection: close', ADDRESS];
}

/**
 * Prints the instances each two seconds while a load runs.
 * @param {NiwaClient} client
 * @param {Promise<unknown>} load
 * @returns {Promise<number>} the most that were routed
 */
async function watch(client, load) {
  let most = 0;
  let over = false;
  void load.finally(() => (over = true)).catch(() => {});
  const begin = Date.now();
  for (let at = 2; at <= LOAD_SECONDS && !over; at += 2) {
    await sleep(Math.max(0, begin + at * 1000 - Date.now()));
    const status = await client.service(NAME);
    most = Math.max(most, routed(status));
    console.log(`${String(at).padStart(3)} s: ${instancesText(status)}`);
  }
  return most;
}

/** @param {ServiceStatus} status */
const routed = ({ instances }) => instances.filter(({ phase }) => phase === 'routed').length;

/** @param {ServiceStatus} status */
function instancesText({ state, instances, throttled_share: share }) {
  const phases = instances.map(({ id, phase }) => `${id} ${phase}`).join(', ');
  return `${state}; ${phases || 'no instance'}${share === null ? '' : `; throttled in ${Math.round(share * 100)} % of the periods`}`;
}

/**
 * @param {NiwaClient} client
 * @param {LoadResult} result
 */
async function tellLoad(client, { requests, usec, connect, read, write, status, timeout, medianUsec }) {
  const failed = connect + read + write + status + timeout;
  const { replacements } = (await client.service(NAME)).counters;
  const rate = Math.round((requests * 1e6) / usec);
  console.log(
    `\n${failed} failed requests of ${requests} (${rate} a second, median ${Math.round(medianUsec / 1000)} ms)`,
  );
  console.log(`${replacements} instances were replaced meanwhile, before their lifetime ended`);
  if (failed > 0) throw new Error(`${failed} requests failed`);
  if (replacements === 0) throw new Error('no instance was replaced');
}

/** @param {NiwaClient} client */
async function untilQuiet(client) {
  let last = '';
  for (const end = Date.now() + QUIET_SECONDS * 1000; Date.now() < end; await sleep(500)) {
    const status = await client.service(NAME);
    const text = status.instances.map(({ id, phase }) => `${id} ${phase}`).join(', ');
    if (text !== last) console.log(`${status.state}; ${text || 'no instance'}`);
    last = text;
    if (status.instances.every(({ phase }) => phase === 'frozen')) return;
  }
  throw new Error(`the service did not get quiet in ${QUIET_SECONDS} s`);
}

/** @param {NiwaClient} client */
async function untilGone(client) {
  while ((await client.list()).some(({ id, state }) => id.startsWith(NAME) && state !== 'exited')) await sleep(200);
}

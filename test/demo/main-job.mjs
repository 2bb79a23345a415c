// @ts-check
// The demo itself, on this machine; demo.mjs decides which machine that is.

import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { statsTable } from '../../dist/cli/stats-table.js';
import { table } from '../../dist/cli/table.js';
import { NiwaClient } from '../../dist/client/index.js';
import { showServices } from './services-job.mjs';

const niwad = fileURLToPath(new URL('../../bin/niwad', import.meta.url));

/** Runs the demo. @returns {Promise<number>} the exit status: 0 where it did all it says and left nothing */
export async function runMainJob() {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-demo-'));
  const cgroup = `niwa-demo-${process.pid}`;
  // The host's disk, not the overlay of the container: that is a tmpfs, and writing to it is no I/O.
  const data = mkdtempSync(join(process.env['NIWA_VM_DISK'] ?? '/var/tmp', 'niwa-demo-'));
  const mountsBefore = mounts();
  const { daemon } = await startDaemon(directory, cgroup);
  const client = new NiwaClient(join(directory, 'run', 'niwad.sock'));
  try {
    const { available } = (await client.info()).cgroup.controllers;
    say(`niwad runs; cgroup v2 controllers: ${available.join(', ') || 'none'}`);
    const specs = [burner(available), writer(available, data)];
    for (const spec of specs) say(`starting ${spec.id}: ${spec.description}`);
    await Promise.all(specs.map(({ description, ...spec }) => client.create(spec, { start: true })));
    await showStats(client);
    await showEnds(
      client,
      specs.map(({ id }) => id),
    );
    showRecords(join(directory, 'state', 'ledger', '00000001.ndjson'));
    await showServices({ client, pid: daemon.pid ?? 0, available, say });
  } finally {
    client.close();
    daemon.kill('SIGTERM');
    await daemon;
    rmSync(directory, { recursive: true, force: true });
    rmSync(data, { recursive: true, force: true });
  }
  return reportLeftovers([directory, data], cgroup, mountsBefore);
}

/** @param {string} text */
function say(text) {
  console.log(`\n== ${text}`);
}

/**
 * Gives an environment without the settings of a user's own niwad, which are not those of the demo.
 * @param {NodeJS.ProcessEnv} env
 */
function withoutSettings(env) {
  const settings = ['SOCKET', 'RUN_DIR', 'STATE_DIR', 'CGROUP', 'CONFIG', 'LOG_LEVEL'].map((name) => `NIWA_${name}`);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !settings.includes(name)));
}

/**
 * Starts niwad in a network namespace of its own. Gives it in an object: itself it is a promise of its end.
 * @param {string} directory
 * @param {string} cgroup
 */
export async function startDaemon(directory, cgroup) {
  const flags = ['--run-dir', join(directory, 'run'), '--state-dir', join(directory, 'state'), '--cgroup', cgroup];
  const ownNetwork = ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  const env = { ...withoutSettings(process.env), NODE_NO_WARNINGS: '1' };
  const daemon = execa('unshare', [...ownNetwork, niwad, ...flags], { reject: false, env, extendEnv: false });
  for await (const line of createInterface({ input: daemon.stdout })) {
    const { msg } = JSON.parse(line);
    if (msg === 'listening') return { daemon };
  }
  throw new Error(`niwad did not start: ${(await daemon).stderr}`);
}

/** @param {string[]} available */
function burner(available) {
  const limit = available.includes('cpu') ? { cpu: { max: 0.25 } } : {};
  return {
    id: 'burner',
    description: `burns CPU${'cpu' in limit ? ' against a limit of 0.25 processors' : ''} for a lifetime of 3 s`,
    process: { args: ['sh', '-c', 'while :; do :; done'] },
    resources: limit,
    lifetime: '3s',
    owner: 'alice',
  };
}

/**
 * @param {string[]} available
 * @param {string} data
 */
function writer(available, data) {
  const device = available.includes('io') ? wholeDisk(data) : undefined;
  const rounds = 'while :; do dd if=/dev/zero of=/data/file bs=1M count=2 oflag=direct 2>/dev/null; sleep 0.2; done';
  return {
    id: 'writer',
    description: `writes to disk${device === undefined ? '' : ` (${device}) against a limit of 2 MiB a second`} for a lifetime of 4 s`,
    process: { args: ['sh', '-c', rounds] },
    mounts: [{ type: /** @type {const} */ ('bind'), source: data, target: '/data' }],
    resources: device === undefined ? {} : { io: [{ device, wbps: '2M' }] },
    lifetime: '4s',
    owner: 'bob',
  };
}

/**
 * The disk that a path is on, since the kernel limits disks, not partitions.
 * @param {string} path
 * @returns {string | undefined} "major:minor"; undefined where it is on no block device
 */
function wholeDisk(path) {
  const { dev } = statSync(path);
  const link = `/sys/dev/block/${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
  if (!existsSync(link)) return undefined;
  const block = realpathSync(link);
  return readFileSync(join(block, existsSync(join(block, 'partition')) ? '../dev' : 'dev'), 'utf8').trim();
}

/**
 * A table each second, until nothing runs any more.
 * @param {NiwaClient} client
 */
async function showStats(client) {
  for (;;) {
    await sleep(1000);
    const stats = await client.allStats();
    if (stats.length === 0) return;
    console.log(`\n${statsTable(stats).text()}`);
  }
}

/**
 * @param {NiwaClient} client
 * @param {string[]} ids
 */
async function showEnds(client, ids) {
  say('both have ended:');
  for (const id of ids) {
    const { exit, deadline_at } = await client.inspect(id);
    if (exit === null || deadline_at === null) throw new Error(`${id} has not ended`);
    const late = Date.parse(exit.at) - Date.parse(deadline_at);
    console.log(`${id}: ${exit.reason}, ${exit.signal ?? exit.code}, ${late} ms after its deadline`);
    if (exit.reason !== 'lifetime') throw new Error(`${id} was to be ended by its lifetime, but: ${exit.reason}`);
  }
}

/** @param {string} path */
function showRecords(path) {
  say('their usage records, from the ledger:');
  const records = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const rows = records.map(({ id, owner, reason, duration_usec, usage: { cpu, io, memory } }) => [
    id,
    owner,
    reason,
    (duration_usec / 1e6).toFixed(2),
    String(cpu.usage_usec),
    String(cpu.throttled_usec ?? '-'),
    String(cpu.nr_throttled ?? '-'),
    String(io?.wbytes ?? '-'),
    String(memory?.peak ?? '-'),
  ]);
  const headings = [
    'id',
    'owner',
    'reason',
    'seconds',
    'usage_usec',
    'throttled_usec',
    'nr_throttled',
    'wbytes',
    'memory.peak',
  ];
  console.log(table(headings, rows, [3, 4, 5, 6, 7, 8]).text());
}

/** All mounts, but for the names that other programs give to their network namespaces meanwhile. */
function mounts() {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return lines.filter((line) => !line.split(' ')[1]?.startsWith('/run/netns')).join('\n');
}

/**
 * Looks whether anything of the demo is still there.
 * @param {string[]} directories
 * @param {string} cgroup
 * @param {string} mountsBefore
 */
function reportLeftovers(directories, cgroup, mountsBefore) {
  const cgroupMounts = mounts()
    .split('\n')
    .filter((line) => line.split(' ')[2] === 'cgroup2')
    .map((line) => line.split(' ')[1]);
  const left = [
    ...directories.filter((path) => existsSync(path)),
    ...cgroupMounts.map((mount) => `${mount}/${cgroup}`).filter((path) => existsSync(path)),
    ...(mounts() === mountsBefore ? [] : ['a mount']),
    ...processesOf(cgroup).map((pid) => `process ${pid}`),
  ];
  if (left.length === 0) say('all cleaned up: no process, mount, cgroup, socket or namespace is left');
  else say(`STILL THERE: ${left.join(', ')}`);
  return left.length === 0 ? 0 : 1;
}

/** @param {string} cgroup */
function processesOf(cgroup) {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/${cgroup}/`);
      } catch {
        return false; // it has ended meanwhile
      }
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await runMainJob();

// @ts-check
// What the pictures of README.md show: a node with some containers and a service that lives through a load, in a niwad of
// its own. Prints one line of JSON: a frame of `niwa top` as a terminal gets it, and the life of the service.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { NiwaClient } from '../../dist/client/index.js';

const bin = fileURLToPath(new URL('../../bin', import.meta.url));
const page = fileURLToPath(new URL('../demo/site.html', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'niwa-pictures-'));
const data = mkdtempSync(join(process.env.NIWA_VM_DISK ?? '/var/tmp', 'niwa-pictures-'));
const socket = join(directory, 'run', 'niwad.sock');
const client = new NiwaClient(socket);

const TERMINAL = { columns: 104, rows: 13 };
const LOAD_SECONDS = 24;
const RECORDED_SECONDS = 56;

async function startDaemon() {
  const flags = [
    '--run-dir',
    join(directory, 'run'),
    '--state-dir',
    join(directory, 'state'),
    '--cgroup',
    `niwa-pictures-${process.pid}`,
  ];
  const ownNetwork = ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  const daemon = execa('unshare', [...ownNetwork, join(bin, 'niwad'), ...flags], { reject: false });
  for await (const line of createInterface({ input: daemon.stdout }))
    if (JSON.parse(line).msg === 'listening') return { daemon };
  throw new Error(`niwad did not start: ${(await daemon).stderr}`);
}

const busybox = {
  type: /** @type {const} */ ('bind'),
  source: '/bin/busybox',
  target: '/site/busybox',
  readonly: true,
};

/** @type {import('../../dist/client/index.js').SpecInput[]} */
const CONTAINERS = [
  {
    id: 'batch-report',
    owner: 'alice',
    process: { args: ['sh', '-c', 'while :; do :; done'] },
    resources: { cpu: { max: 0.25 }, memory: { max: '32M' } },
    lifetime: '5m',
  },
  {
    id: 'blog-php',
    owner: 'bob',
    process: { args: ['sh', '-c', 'while :; do i=0; while [ $i -lt 9000 ]; do i=$((i+1)); done; sleep 0.4; done'] },
    resources: { cpu: { max: 0.5 }, memory: { max: '64M' } },
    lifetime: '10m',
  },
  {
    id: 'backup',
    owner: 'bob',
    process: {
      args: [
        'sh',
        '-c',
        'while :; do dd if=/dev/zero of=/data/x bs=64k count=64 conv=fsync 2>/dev/null; sleep 0.2; done',
      ],
    },
    mounts: [{ type: 'bind', source: data, target: '/data' }],
    resources: { memory: { max: '64M' } },
    lifetime: '1h',
  },
  {
    id: 'queue-worker',
    owner: 'carol',
    process: { args: ['sleep', '1000'] },
    resources: { memory: { max: '64M' } },
    lifetime: '30m',
  },
];

/** @type {import('../../dist/protocol/service.js').ServiceInput} */
const SHOP = {
  service: 'shop',
  owner: 'carol',
  listen: ['0.0.0.0:8080'],
  port: 80,
  slots: 3,
  drain: '2s',
  idle: { after: '5s', action: 'freeze' },
  template: {
    process: { args: ['/site/busybox', 'httpd', '-f', '-p', '80', '-h', '/site/www'] },
    mounts: [busybox, { type: 'bind', source: page, target: '/site/www/index.html', readonly: true }],
    resources: { cpu: { max: 0.2 }, memory: { max: '64M' } },
    lifetime: '15s',
  },
};

/** Reads the service each half second. @param {() => boolean} isOver */
async function follow(isOver) {
  const begin = Date.now();
  const samples = [];
  while (!isOver()) {
    const { state, instances, throttled_share, counters } = await client.service(SHOP.service);
    samples.push({
      at: Date.now() - begin,
      state,
      throttled_share,
      connections: counters.connections,
      instances: instances.map(({ id, phase }) => ({ id, phase })),
    });
    await sleep(500);
  }
  return { begin, samples };
}

/** Starts `niwa top` on a terminal; gives how to take a frame with its colours, and how to end it. */
async function frameOfTop() {
  const tmux = (/** @type {string[]} */ ...words) => execa('tmux', ['-S', join(directory, 'tmux'), ...words]);
  const env = { ...process.env, NIWA_SOCKET: socket, LANG: 'C.UTF-8', TERM: 'xterm-256color' };
  const size = ['-x', String(TERMINAL.columns), '-y', String(TERMINAL.rows)];
  await execa('tmux', ['-u', '-S', join(directory, 'tmux'), 'new-session', '-d', ...size, `${bin}/niwa top`], { env });
  return {
    /** @returns {Promise<string>} */
    async take() {
      return (await tmux('capture-pane', '-e', '-p')).stdout;
    },
    end: () => tmux('kill-server'),
  };
}

const { daemon } = await startDaemon();
try {
  /** @type {(program: string, words: string[]) => Promise<string>} */
  const inNetwork = async (program, words) =>
    (await execa('nsenter', ['--net', `--target=${daemon.pid}`, program, ...words])).stdout;
  for (const spec of CONTAINERS) await client.create(spec, { start: true });
  await client.applyService(SHOP);
  let isOver = false;
  const following = follow(() => isOver);
  following.catch(() => {});
  const top = await frameOfTop();
  await sleep(4000);
  const ask = () => inNetwork('curl', ['-sSo', '/dev/null', '-w', '%{time_total}', 'http://127.0.0.1:8080/']);
  const begin = Date.now();
  const first = await ask();
  const load = inNetwork('wrk', [
    '-t',
    '1',
    '-c',
    '6',
    '-d',
    `${LOAD_SECONDS}s`,
    '--timeout',
    '30s',
    '-H',
    'Connection: close',
    'http://127.0.0.1:8080/',
  ]);
  await sleep((LOAD_SECONDS - 4) * 1000);
  const frame = await top.take();
  const answer = await load;
  await sleep(11_000);
  const thawed = await ask();
  await sleep(Math.max(0, begin + RECORDED_SECONDS * 1000 - Date.now()));
  isOver = true;
  const { begin: from, samples } = await following;
  await top.end();
  const { decisions } = await client.serviceHistory(SHOP.service);
  const failed = Number(/Socket errors: .*|Non-2xx.*/.exec(answer)?.length ?? 0);
  const requests = Number(/(\d+) requests in/.exec(answer)?.[1]);
  console.log(
    JSON.stringify({
      top: frame,
      life: { from, samples, decisions, requests, failed, first, thawed, slots: SHOP.slots },
    }),
  );
} finally {
  for (const { id } of await client.list({ state: 'live' }).catch(() => []))
    await client.remove(id, { force: true }).catch(() => {});
  client.close();
  daemon.kill('SIGTERM');
  await daemon;
  rmSync(directory, { recursive: true, force: true });
  rmSync(data, { recursive: true, force: true });
}

// @ts-check
// One container that writes lines: how fast, and what a MiB costs, beside cat through a pipe to a file.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { podman } from '../harness/peers.mjs';
import { cpuUsec } from '../harness/processor-time.mjs';
import { summarize } from '../harness/statistics.mjs';

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, row, quick, peers }) {
  const mib = quick ? 50 : 300;
  const daemon = await place.daemon({ logs: { maxBytes: 2 ** 30, bytesPerSecond: 0 } });
  const spec = {
    process: { args: ['/lines', String(mib)] },
    root: { path: place.root },
    userns: /** @type {const} */ ('host'),
  };
  const run = daemon.request('POST', '/v1/containers?start=true&wait=true', spec);
  const niwa = { speed: /** @type {number[]} */ ([]), cpu: /** @type {number[]} */ ([]) };
  const cat = { speed: /** @type {number[]} */ ([]), cpu: /** @type {number[]} */ ([]) };
  const other = /** @type {number[]} */ ([]);
  let complaint = '';
  const rounds = quick ? 2 : 5;
  for (let round = 0; round < rounds; round++) {
    const before = cpuUsec(daemon.pid);
    const { wall } = await run(1, 1);
    niwa.cpu.push((cpuUsec(daemon.pid) - before) / mib);
    niwa.speed.push((mib / wall) * 1e6);
    for (const { id } of await daemon.client.list({ state: 'exited' })) await daemon.client.remove(id);
    const through = throughCat(join(place.root, 'lines'), mib, join(place.rootHolder, 'cat'));
    cat.cpu.push(through.cpuUsec / mib);
    cat.speed.push((mib / through.wallUsec) * 1e6);
    if (!peers || complaint !== '') continue;
    const begun = performance.now();
    const [program = '', ...args] = podman(place, ['/lines', String(mib)]);
    const { status, stderr } = spawnSync(
      program,
      [...args.slice(0, args.indexOf('run') + 1), '--log-driver=k8s-file', ...args.slice(args.indexOf('run') + 1)],
      { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
    );
    if (status === 0) other.push((mib / (performance.now() - begun)) * 1e3);
    else complaint = stderr.trim().split('\n').at(-1) ?? 'it failed';
  }
  const floor = 'cat through a pipe to a file';
  const speed = summarize(niwa.speed);
  row({
    what: `logs: ${mib} MiB of lines`,
    unit: 'MiB/s',
    measured: speed,
    floor,
    floorMeasured: summarize(cat.speed),
    ratioAtLeast: 0.5,
  });
  row({
    what: 'logs: processor time of niwad for a MiB',
    unit: 'us',
    measured: summarize(niwa.cpu),
    floor,
    floorMeasured: summarize(cat.cpu),
  });
  if (!peers) return;
  row({
    what: `logs: ${mib} MiB of lines`,
    subject: 'podman with conmon',
    unit: 'MiB/s',
    measured: other.length > 0 ? summarize(other) : null,
    floor: 'niwa',
    floorMeasured: speed,
    note: complaint === '' ? '' : `does not run here: ${complaint}`,
  });
}

/**
 * @param {string} program that writes lines
 * @param {number} mib
 * @param {string} file
 */
function throughCat(program, mib, file) {
  const script = `${program} ${mib} | { TIMEFORMAT='%3R %3U %3S'; time cat > ${file}; }`;
  const begun = performance.now();
  const { stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  const wallUsec = (performance.now() - begun) * 1000;
  const [, user = 0, system = 0] = stderr.trim().split(' ').map(Number);
  spawnSync('rm', ['-f', file]);
  return { wallUsec, cpuUsec: (user + system) * 1e6 };
}

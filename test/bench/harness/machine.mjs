// @ts-check
// Where and when a run was made.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

const PEERS = {
  crun: ['crun', '--version'],
  runc: ['runc', '--version'],
  bubblewrap: ['bwrap', '--version'],
  podman: ['podman', '--version'],
  'systemd-nspawn': ['systemd-nspawn', '--version'],
};

/**
 * Gives the conditions of a run in words.
 * @param {string} project its folder
 * @returns {Record<string, string>}
 */
export function conditions(project) {
  const commit = firstLine(['git', '-C', project, 'describe', '--always', '--dirty']);
  const { version } = JSON.parse(readFileSync(`${project}/package.json`, 'utf8'));
  const peers = Object.entries(PEERS).map(([name, command]) => firstLine(command) || `no ${name}`);
  return {
    when: new Date().toISOString(),
    niwa: `${version}, commit ${commit}`,
    machine: `${cpus().length} x ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    'Node.js': process.version,
    peers: peers.join('; '),
    'load at the beginning': loadavg()
      .map((load) => load.toFixed(2))
      .join(' '),
  };
}

/** @param {string[]} command */
function firstLine([program = '', ...args]) {
  return (spawnSync(program, args, { encoding: 'utf8' }).stdout ?? '').split('\n')[0] ?? '';
}

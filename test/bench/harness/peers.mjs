// @ts-check
// Other runtimes, with the isolation that niwa has by default, on the same root, as far as they run on this host.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DEFAULT_PROFILE } from '../../../dist/plan/seccomp.js';

const PACKAGES = ['crun', 'runc', 'bubblewrap', 'podman', 'conmon', 'systemd-container'];
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SYS_CHROOT',
  'MKNOD',
  'AUDIT_WRITE',
  'SETFCAP',
].map((name) => `CAP_${name}`);

/**
 * Installs the other runtimes from Debian's packages; those that are there stay.
 * @throws {Error} where apt-get fails
 */
export function installPeers() {
  const missing = PACKAGES.filter((name) => !installed(name));
  if (missing.length === 0) return;
  const { status, stderr } = spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) throw new Error(`cannot install ${missing.join(' ')}: ${stderr}`);
}

/** @type {(name: string) => boolean} */
function installed(name) {
  const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return /^Status: install ok installed$/m.test(stdout); // dpkg also knows packages that others only name
}

/**
 * Gives the command of each runtime that runs the workload once.
 * @param {import('./place.mjs').Place} place
 * @param {string[]} args of the workload
 * @returns {Record<string, string[]>}
 */
export function peerCommands(place, args = ['/exit0']) {
  const run = ['run', '--bundle', bundleOf(place, args), '@'];
  const binds = ['--ro-bind', place.root, '/', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'];
  return {
    'crun run': [...crun(place), ...run],
    'runc run': ['runc', '--root', join(place.runDirectory, 'runc'), ...run],
    bwrap: ['bwrap', '--unshare-all', ...binds, '--', ...args],
    'podman run': podman(place, args),
    'systemd-nspawn': [
      'systemd-nspawn',
      '--quiet',
      '--register=no',
      '--keep-unit',
      '--private-network',
      '--as-pid2',
      '-M',
      '@',
      '-D',
      place.root,
      ...args,
    ],
  };
}

/**
 * Gives the words of crun before its verb.
 * @param {import('./place.mjs').Place} place
 */
export function crun(place) {
  return ['crun', '--cgroup-manager=disabled', '--root', join(place.runDirectory, 'crun')];
}

/**
 * Makes a bundle for OCI runtimes, and gives its path.
 * @param {import('./place.mjs').Place} place
 * @param {string[]} args of the workload
 */
export function bundleOf(place, args) {
  const bundle = join(place.directory, `bundle-${args[0]?.slice(1)}`);
  mkdirSync(bundle, { recursive: true });
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociConfig(place.root, args)));
  return bundle;
}

/**
 * Gives the command by which podman runs the workload once.
 * @param {import('./place.mjs').Place} place
 * @param {string[]} args of the workload
 * @param {string[]} runtime the command of its OCI runtime, with its options
 */
export function podman(place, args, runtime = ['crun']) {
  const at = (/** @type {string} */ name) => join(place.runDirectory, `podman-${name}`);
  return [
    'env',
    `CONTAINERS_CONF=${podmanSettings(place)}`,
    'podman',
    '--root',
    at('root'),
    '--runroot',
    at('run'),
    '--tmpdir',
    at('tmp'),
    '--storage-driver',
    'vfs',
    '--runtime',
    runtimeProgram(place, runtime),
    'run',
    '--rm',
    '--cgroups=disabled',
    '--network=none',
    '--read-only',
    '--rootfs',
    place.root,
    ...args,
  ];
}

/**
 * Writes what podman is configured with: by itself it raises limits of processes, which this machine may refuse.
 * @param {import('./place.mjs').Place} place
 */
function podmanSettings(place) {
  const path = join(place.directory, 'containers.conf');
  const containers = '[containers]\ndefault_ulimits = []\npids_limit = 0\n';
  const runtimes = '["crun", "niwa-oci"]';
  const lists = `runtime_supports_json = ${runtimes}\nruntime_supports_nocgroup = ${runtimes}\n`;
  writeFileSync(path, `${containers}[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n${lists}`);
  return path;
}

/**
 * Gives the program that podman calls as its OCI runtime: it keeps no options of one.
 * @param {import('./place.mjs').Place} place
 * @param {string[]} runtime
 */
function runtimeProgram(place, runtime) {
  const [program = '', ...options] = runtime;
  if (options.length === 0) return program;
  const path = join(place.directory, basename(program));
  writeFileSync(path, `#!/bin/sh\nexec ${runtime.join(' ')} "$@"\n`, { mode: 0o755 });
  return path;
}

/**
 * @param {string} root
 * @param {string[]} args
 */
function ociConfig(root, args) {
  const mount = (/** @type {string} */ destination, /** @type {string} */ type, /** @type {string[]} */ options) => ({
    destination,
    type,
    source: type,
    options,
  });
  const strict = ['nosuid', 'noexec', 'nodev'];
  const sets = Object.fromEntries(['bounding', 'effective', 'permitted'].map((name) => [name, CAPABILITIES]));
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/'],
      cwd: '/',
      capabilities: sets,
      noNewPrivileges: true,
    },
    root: { path: root, readonly: false },
    hostname: 'bench',
    mounts: [
      mount('/proc', 'proc', strict),
      mount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
      mount('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620']),
      mount('/dev/shm', 'tmpfs', [...strict, 'mode=1777', 'size=65536k']),
      mount('/dev/mqueue', 'mqueue', strict),
      mount('/sys', 'sysfs', [...strict, 'ro']),
    ],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      maskedPaths: ['/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/scsi', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
      seccomp: DEFAULT_PROFILE,
    },
  };
}

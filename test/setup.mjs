#!/usr/bin/env node
// @ts-check
// Makes a Debian 12 machine that has only Node.js and npm ready for this project, from a clean clone:
// node test/setup.mjs [--vm] [--checks] [--fuzz] [--programs] [--engines]. What is there already is left alone, so it can run
// before everything.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { apparmor, containerd, docker, nodejs, OTHER_NODES, prometheus } from './programs.mjs';

const PROJECT = resolve(import.meta.dirname, '..');

/** The search path with the system administrator's folders, which apt-get needs and a `su` without `-` does not set. */
const PATH = [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter);

/** A build that takes longer than this is announced. */
const QUIET_MS = 5_000;

/**
 * Debian packages, each with what shows that it is there, wherever it came from: a command on PATH or a file.
 * Without such a sign dpkg is asked.
 * @type {Record<'build' | 'vm' | 'checks' | 'fuzz' | 'programs' | 'engines' | 'demo' | 'pictures', Record<string, string | undefined>>}
 */
const PACKAGES = {
  build: { 'g++': 'g++', make: 'make', cmake: 'cmake', python3: 'python3', 'libseccomp-dev': '/usr/include/seccomp.h' },
  vm: {
    'qemu-system-x86': 'qemu-system-x86_64',
    'busybox-static': undefined, // the package busybox has the same file, linked dynamically
    kmod: 'modprobe',
    'xz-utils': 'xz',
    e2fsprogs: 'mkfs.ext4',
  },
  checks: {
    'clang-format': 'clang-format',
    strace: 'strace',
    'squashfs-tools': 'mksquashfs',
    'erofs-utils': 'mkfs.erofs',
    quota: 'repquota',
    tmux: 'tmux',
    nftables: 'nft',
    iproute2: 'ip',
    zsh: 'zsh',
    fish: 'fish',
    'man-db': 'man',
  },
  fuzz: { clang: 'clang', 'libclang-rt-14-dev': undefined },
  programs: {
    'busybox-static': undefined,
    skopeo: 'skopeo',
    umoci: 'umoci',
    buildah: 'buildah',
    attr: 'getfattr',
    zstd: 'zstd',
    curl: 'curl',
    fio: 'fio',
    'openssh-client': 'ssh',
    haproxy: 'haproxy',
    wrk: 'wrk',
    iproute2: 'ip',
    podman: 'podman',
    catatonit: 'catatonit',
    criu: 'criu',
  },
  engines: {
    'libdevmapper1.02.1': undefined,
    iptables: 'iptables',
    iproute2: 'ip',
    'containernetworking-plugins': '/usr/lib/cni/bridge',
  },
  pictures: { 'python3-rich': undefined, tmux: 'tmux' },
  demo: { 'busybox-static': undefined, curl: 'curl', iproute2: 'ip', nftables: 'nft', wrk: 'wrk' },
};

/**
 * Makes the machine ready: Debian packages, npm packages, the build. Does nothing where NIWA_SKIP_SETUP is set.
 * @param {{ vm?: boolean, checks?: boolean, fuzz?: boolean, programs?: boolean, engines?: boolean, demo?: boolean, pictures?: boolean }} [wanted] the virtual machine of
 * test/vm, the
 *   checks of the C sources, the sanitizers of test/fuzz and test/sanitize, the real programs that tests drive, those of
 *   the tests of engines, of the demo, and of the pictures
 * @returns {Promise<void>}
 * @throws {Error} when a step fails, or packages are missing and this process cannot install them
 */
export async function setup({
  vm = false,
  checks = false,
  fuzz = false,
  programs = false,
  engines = false,
  demo = false,
  pictures = false,
} = {}) {
  if (process.env.NIWA_SKIP_SETUP) return;
  await installDebianPackages(missingPackages({ build: true, vm, checks, fuzz, programs, engines, demo, pictures }));
  if (programs) await Promise.all([prometheus(), containerd(), apparmor(), ...OTHER_NODES.map(nodejs)]);
  if (engines) await docker();
  if (!npmPackagesFit()) await step('npm', ['ci', '--no-audit', '--no-fund']);
  await step('npm', ['run', '--silent', 'build'], QUIET_MS);
}

/**
 * Finds which Debian packages this machine lacks.
 * @param {Partial<Record<keyof typeof PACKAGES, boolean>>} groups the groups of packages that are wanted
 * @returns {string[]} the packages' names
 */
export function missingPackages(groups) {
  const wanted = Object.entries(PACKAGES).filter(([group]) => groups[/** @type {keyof typeof PACKAGES} */ (group)]);
  const packages = wanted.flatMap(([, group]) => Object.entries(group));
  return packages.filter(([name, sign]) => !(sign ? signFound(sign) : installed(name))).map(([name]) => name);
}

/** @type {(sign: string) => boolean} */
function signFound(sign) {
  if (sign.startsWith('/')) return existsSync(sign);
  return PATH.split(delimiter).some((folder) => folder && existsSync(join(folder, sign)));
}

/** @type {(name: string) => boolean} */
function installed(name) {
  const { stdout } = spawnSync('dpkg-query', ['--status', name], { encoding: 'utf8' });
  return /^Status: install ok installed$/m.test(stdout ?? '');
}

/**
 * @param {string[]} packages
 * @returns {Promise<void>}
 */
async function installDebianPackages(packages) {
  if (packages.length === 0) return;
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  if (process.getuid?.() !== 0 || !signFound('apt-get')) {
    const cure = `apt-get update && apt-get ${install.join(' ')}`;
    throw new Error(`missing: ${packages.join(' ')}; as root on Debian 12: ${cure}`);
  }
  await step('apt-get', ['-q', 'update']);
  await step('apt-get', ['-q', ...install]);
}

/**
 * Whether node_modules is what package-lock.json says. npm keeps its own record of what it installed, written last;
 * optional packages (those of other platforms) may be missing in it.
 * @returns {boolean}
 */
function npmPackagesFit() {
  const wanted = lockedPackages('package-lock.json');
  const present = lockedPackages('node_modules/.package-lock.json');
  const missing = [...wanted].filter(([path, { optional }]) => !present.has(path) && !optional);
  const different = [...present].filter(([path, { id }]) => wanted.get(path)?.id !== id);
  return missing.length === 0 && different.length === 0;
}

/**
 * @param {string} file
 * @returns {Map<string, { id: string, optional: boolean }>} what is in each folder; empty without the file
 */
function lockedPackages(file) {
  const path = join(PROJECT, file);
  const { packages } = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { packages: {} };
  const { '': _project, ...dependencies } = packages;
  return new Map(
    Object.entries(dependencies).map(([folder, { version, integrity, optional = false }]) => [
      folder,
      { id: `${version} ${integrity}`, optional },
    ]),
  );
}

/**
 * Runs a program in the project's folder. Its output is shown only when it fails.
 * @param {string} command
 * @param {string[]} args
 * @param {number} [quietMs] how long it may run before it is announced
 * @returns {Promise<void>}
 */
async function step(command, args, quietMs = 0) {
  const line = [command, ...args].join(' ');
  const announcement = setTimeout(() => console.error(`setup: ${line}`), quietMs);
  const environment = { ...process.env, PATH, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn(command, args, { cwd: PROJECT, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const [status, signal] = await once(child, 'close').finally(() => clearTimeout(announcement));
  if (status !== 0) throw new Error(`${line} failed (${signal ?? `exit status ${status}`})\n${output}`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  const has = (/** @type {string} */ option) => process.argv.includes(option);
  const wanted = { vm: has('--vm'), checks: has('--checks'), fuzz: has('--fuzz'), programs: has('--programs') };
  await setup({ ...wanted, engines: has('--engines') }).catch((error) => {
    console.error(`setup: ${error.message}`);
    process.exitCode = 1;
  });
}

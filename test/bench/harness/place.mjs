// @ts-check
// What the rows share on this machine: a root with the workloads, a cgroup, directories, and daemons; all taken away
// again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NiwaClient } from '../../../dist/client/client.js';
import { lookAtCgroupTree, removeGroup } from '../../../dist/host/cgroup.js';
import { compileSeccomp } from '../../../dist/host/seccomp.js';
import { DEFAULT_PROFILE } from '../../../dist/plan/seccomp.js';
import { compile, Floor } from './order.mjs';

const PROJECT = join(import.meta.dirname, '../../..');
const TMPFS = '/dev/shm'; // where a run directory is, as /run is on a usual machine
const CGROUP_MOUNT = '/sys/fs/cgroup';
const READY_MS = 20_000;

/** @typedef {import('../../../dist/protocol/spec.js').SpecInput} SpecInput */

/**
 * @typedef {object} DaemonOptions
 * @property {boolean} [observed] whether to be asked for the delay of its event loop, which takes time of its own
 * @property {string} [project] the folder of the build; this project if not given
 * @property {string[]} [launcher] a command that ends in an exec of what follows
 */

export class Place {
  /** Removed with all in it. */
  directory = mkdtempSync(join(tmpdir(), 'niwa-bench-'));
  runDirectory = mkdtempSync(join(existsSync(TMPFS) ? TMPFS : tmpdir(), 'niwa-bench-'));
  /**
   * A root that has nothing but the workloads and mount points. On a disk, as roots are, and where ids can be mapped.
   */
  rootHolder = mkdtempSync('/var/tmp/niwa-bench-');
  root = join(this.rootHolder, 'root');
  stage = join(this.runDirectory, 'stage');
  filter = join(this.directory, 'filter');
  /** The group that has groups of floors in it. */
  groups;
  /** @type {Floor[]} */
  #floors = [];
  /** @type {Daemon[]} */
  #daemons = [];

  constructor() {
    for (const path of ['proc', 'sys', 'dev', 'tmp', 'usr', 'etc'])
      mkdirSync(join(this.root, path), { recursive: true, mode: 0o755 });
    mkdirSync(this.stage);
    for (const name of ['exit0', 'pause', 'lines']) compile(name, join(this.root, name));
    for (const name of ['start', 'launch', 'engine', 'request', 'sample']) compile(name, join(this.directory, name));
    writeFileSync(this.filter, new Uint8Array(BigUint64Array.from(compileSeccomp(DEFAULT_PROFILE)).buffer));
    this.groups = lookAtCgroupTree(`niwa-bench-${process.pid}`).base;
    mkdirSync(this.groups);
  }

  /**
   * Starts a program of floor/.
   * @param {string} name
   * @param {string[]} args
   */
  floor(name, args) {
    const floor = new Floor(this.directory, name, args);
    this.#floors.push(floor);
    return floor;
  }

  /**
   * The floor of a start.
   * @param {...string} options see floor/start.c; `seccomp` stands for the default filter
   */
  startFloor(...options) {
    const words = options.map((option) => (option === 'seccomp' ? `seccomp=${this.filter}` : option));
    const stage = mkdtempSync(join(this.runDirectory, 'floor-'));
    return this.floor('start', [this.groups, this.root, stage, '/exit0', ...words]).measure;
  }

  /**
   * Another runtime, by its command.
   * @param {...string} command
   */
  launch(...command) {
    return this.#unified('launch', command);
  }

  /**
   * What an engine asks its OCI runtime for one container.
   * @param {string} bundle whose program waits
   * @param {...string} runtime the command, with its options
   */
  engine(bundle, ...runtime) {
    return this.#unified('engine', [join(this.runDirectory, 'pid'), bundle, ...runtime]);
  }

  /**
   * Starts a program of floor/. On a host with both versions of cgroups it sees only the second: crun refuses both.
   * @param {string} name
   * @param {string[]} args
   */
  #unified(name, args) {
    const { mount } = lookAtCgroupTree('niwa-bench');
    if (mount === CGROUP_MOUNT) return this.floor(name, args).measure;
    const floor = new Floor('/usr/bin', 'unshare', [
      '--mount',
      '--propagation=private',
      'sh',
      '-c',
      `mount --bind "$0" ${CGROUP_MOUNT} && exec "$@"`,
      mount,
      join(this.directory, name),
      ...args,
    ]);
    this.#floors.push(floor);
    return floor.measure;
  }

  /**
   * Starts a daemon of its own.
   * @param {object} settings of its configuration file
   * @param {DaemonOptions} options
   */
  async daemon(settings = {}, options = {}) {
    const daemon = new Daemon(this, this.#daemons.length, settings, options);
    this.#daemons.push(daemon);
    await daemon.start();
    return daemon;
  }

  /** Ends all floors and daemons. */
  async quiet() {
    for (const floor of this.#floors.splice(0)) floor.close();
    for (const daemon of this.#daemons) await daemon.remove();
  }

  async remove() {
    await this.quiet();
    await removeGroup(this.groups);
    for (const path of [this.directory, this.runDirectory, this.rootHolder])
      rmSync(path, { recursive: true, force: true });
  }
}

/** A daemon that the benchmark starts and ends; its containers may outlive it. */
export class Daemon {
  #place;
  #name;
  #command;
  #observed;
  #removed = false;
  /** @type {import('node:child_process').ChildProcess | null} */
  #process = null;
  /** @type {string} */
  socket;
  /** Where it listens for niwa-oci. @type {string} */
  ociSocket;
  /** @type {NiwaClient} */
  client;
  /** @type {string} */
  #delays;

  /**
   * @param {Place} place
   * @param {number} number
   * @param {object} settings
   * @param {DaemonOptions} options
   */
  constructor(place, number, settings, { observed = false, project = PROJECT, launcher = [] }) {
    this.#place = place;
    this.#observed = observed;
    this.#name = `niwa-bench-${process.pid}-${number}`;
    const run = join(place.runDirectory, `run-${number}`);
    const config = join(place.directory, `niwad-${number}.yaml`);
    this.#delays = join(place.directory, `delays-${number}`);
    writeFileSync(config, JSON.stringify({ logLevel: 'warn', ...settings }));
    const state = join(place.rootHolder, `state-${number}`);
    const flags = ['--run-dir', run, '--state-dir', state, '--cgroup', this.#name, '--config', config];
    this.#command = [...launcher, join(project, 'bin/niwad'), ...flags];
    this.socket = join(run, 'niwad.sock');
    this.ociSocket = join(run, 'oci.sock');
    this.client = new NiwaClient(this.socket);
  }

  get pid() {
    return this.#process?.pid ?? 0;
  }

  /** Starts it, and waits until it answers. */
  async start() {
    const observer = `--import=${join(import.meta.dirname, 'loop-delay.mjs')}`;
    const env = {
      ...process.env,
      ...(this.#observed ? { NODE_OPTIONS: observer, NIWA_BENCH_DELAYS: this.#delays } : {}),
    };
    this.client = new NiwaClient(this.socket); // the one before is closed
    const [program = '', ...args] = this.#command;
    this.#process = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const until = Date.now() + READY_MS;
    for (;;) {
      if (
        await this.client.health().then(
          () => true,
          () => false,
        )
      )
        return;
      if (Date.now() > until) throw new Error('niwad does not get ready');
      await sleep(2);
    }
  }

  /** Ends it as a crash would; the containers go on. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** Ends it as its manager would; the containers go on, and it can be started again. */
  async stop() {
    await this.#end('SIGTERM');
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    await this.client.close();
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill(signal);
    await ended;
  }

  /** The delay of its event loop since the last call, in milliseconds: that of 99 in 100 turns. */
  async loopDelayP99() {
    rmSync(this.#delays, { force: true });
    this.#process?.kill('SIGUSR2');
    while (!existsSync(this.#delays)) await sleep(5);
    return Number(readFileSync(this.#delays, 'utf8'));
  }

  /**
   * A request over its socket, again and again.
   * @param {string} method
   * @param {string} path
   * @param {SpecInput} [body]
   */
  request(method, path, body) {
    return this.#place.floor('request', [
      this.socket,
      method,
      path,
      ...(body === undefined ? [] : [JSON.stringify(body)]),
    ]).measure;
  }

  /**
   * Has `count` containers run the workload that waits.
   * @param {number} count
   * @param {SpecInput} spec
   */
  async fill(count, spec) {
    const ids = [];
    for (let left = count; left > 0; left -= 16) {
      const batch = Array.from({ length: Math.min(left, 16) }, () => this.client.create(spec, { start: true }));
      for (const { id } of await Promise.all(batch)) ids.push(id);
    }
    return ids;
  }

  /** Ends it with all its containers. */
  async remove() {
    if (this.#removed) return;
    this.#removed = true;
    const { base, containers } = lookAtCgroupTree(this.#name);
    const kill = join(containers, 'cgroup.kill'); // ends all at once, also where niwad has ended or does not answer
    if (existsSync(kill)) writeFileSync(kill, '1');
    await this.stop();
    await removeGroup(base);
  }
}

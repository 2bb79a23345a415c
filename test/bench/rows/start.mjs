// @ts-check
// A cold start from the addon in-process: group, process, exec, exit, and all taken away; default isolation, then what
// each protection costs, each beside the C floor that does the same; then other runtimes on the same root.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { compileSeccomp } from '../../../dist/host/seccomp.js';
import { kernel } from '../../../dist/kernel/addon.js';
import { newHandle } from '../../../dist/kernel/containers.js';
import { USUAL_DEVICES } from '../../../dist/plan/devices.js';
import { encodeProgram } from '../../../dist/plan/encode.js';
import { makePlan } from '../../../dist/plan/plan.js';
import { mapFile } from '../../../dist/plan/userns.js';
import { parseSpec } from '../../../dist/spec/spec.js';
import { takeTurns } from '../harness/order.mjs';
import { peerCommands } from '../harness/peers.mjs';
import { summarize } from '../harness/statistics.mjs';

const NO_DEADLINE = { atNs: 0n, cause: 0, signal: 15, timeoutNs: 0n };
const IDS = { start: 300_000, size: 65_536 };

/** @typedef {import('../../../dist/protocol/spec.js').SpecInput} SpecInput */
/** @typedef {import('../bench.mjs').Context} Context */

/** The addon, driven as the daemon drives it, without the daemon. */
class Addon {
  /** @type {Map<number, () => void>} */
  #waiting = new Map();
  /** @type {Set<number>} */
  #ended = new Set();
  #place;
  #number = 0;

  /** @param {import('../harness/place.mjs').Place} place */
  constructor(place) {
    this.#place = place;
    kernel.containers.loadBootProgram();
    mkdirSync(join(place.runDirectory, 'fifos'));
    kernel.watch(({ type, handle }) => {
      if (type !== 'exit') return;
      this.#ended.add(handle);
      this.#waiting.get(handle)?.();
    });
  }

  /**
   * Gives what starts containers of a spec, one after another.
   * @param {Partial<SpecInput>} fields
   * @param {{ devices: boolean }} options whether with a device filter
   * @returns {import('../harness/order.mjs').Measure}
   */
  measure(fields, { devices }) {
    const spec = parseSpec({ process: { args: ['/exit0'] }, root: { path: this.#place.root }, ...fields }, 'bench');
    spec.root.idmap = spec.userns !== 'host';
    return async (count) => {
      const times = [];
      for (let i = 0; i < count; i++) {
        const begun = process.hrtime.bigint();
        await this.#startOne(spec, devices);
        times.push(Number(process.hrtime.bigint() - begun) / 1000);
      }
      return { times, wall: times.reduce((sum, time) => sum + time, 0) };
    };
  }

  /**
   * Gives what starts containers of a spec that were made ahead: the making is not measured.
   * @param {Partial<SpecInput>} fields
   * @returns {import('../harness/order.mjs').Measure}
   */
  measureAhead(fields) {
    const spec = parseSpec({ process: { args: ['/exit0'] }, root: { path: this.#place.root }, ...fields }, 'bench');
    spec.root.idmap = spec.userns !== 'host';
    return async (count) => {
      const times = [];
      for (let i = 0; i < count; i++) {
        const { fifos, handle } = await this.#make(spec, true, null);
        const begun = process.hrtime.bigint();
        await kernel.containers.start(handle, 0n, NO_DEADLINE);
        await this.#end(handle, fifos);
        times.push(Number(process.hrtime.bigint() - begun) / 1000);
      }
      return { times, wall: times.reduce((sum, time) => sum + time, 0) };
    };
  }

  /**
   * @param {import('../../../dist/protocol/resolved-spec.js').Spec} parsed
   * @param {boolean} devices
   */
  async #startOne(parsed, devices) {
    const start = { lifetimeNs: 0n, deadline: NO_DEADLINE };
    const { fifos, handle, made } = await this.#make(parsed, devices, start);
    await made.started;
    await this.#end(handle, fifos);
  }

  /**
   * @param {import('../../../dist/protocol/resolved-spec.js').Spec} parsed
   * @param {boolean} devices
   * @param {{ lifetimeNs: bigint, deadline: typeof NO_DEADLINE } | null} start
   */
  async #make(parsed, devices, start) {
    const id = `addon-${process.pid}-${++this.#number}`;
    const plan = makePlan(
      { ...parsed, id },
      {
        containersCgroup: this.#place.groups,
        controllers: { available: [], missing: {} },
        stage: this.#place.stage,
        devices: {},
        deviceNodes: [],
        filtersDevices: devices,
        idRange: IDS,
        oomProtected: false,
        placeBytes: null,
        openFiles: { name: 'nofile', soft: 1024, hard: 1024 },
        absent: [],
        network: null,
        compileSeccomp,
      },
    );
    const fifos = join(this.#place.runDirectory, 'fifos', id);
    mkdirSync(fifos);
    const handle = newHandle();
    const made = await kernel.containers.create({
      handle,
      id,
      cgroup: plan.cgroup.path,
      template: templateOf(plan.clone.flags, devices),
      networkOf: 0,
      owner: plan.userns?.uids[0]?.host ?? 0,
      mountMaps: [],
      uidMap: plan.userns === null ? '' : mapFile(plan.userns.uids),
      gidMap: plan.userns === null ? '' : mapFile(plan.userns.gids),
      files: [],
      logDirectory: '',
      stdout: join(fifos, 'stdout'),
      stderr: join(fifos, 'stderr'),
      stdioUid: 0,
      stdioGid: 0,
      program: encodeProgram(plan.boot),
      start,
    });
    return { fifos, handle, made };
  }

  /**
   * @param {number} handle
   * @param {string} fifos their directory
   */
  async #end(handle, fifos) {
    if (!this.#ended.has(handle)) await new Promise((resolve) => this.#waiting.set(handle, () => resolve(null)));
    const taken = kernel.containers.end(handle, [join(fifos, 'stdout'), join(fifos, 'stderr')]);
    kernel.records.confirm(handle); // it writes none
    await taken;
    this.#waiting.delete(handle);
    this.#ended.delete(handle);
  }
}

/** @type {Map<string, import('../../../dist/kernel/containers.js').CreateTemplate>} */
const templates = new Map();

/**
 * The template of a row, which all its starts share as they do in niwad.
 * @param {number} namespaces
 * @param {boolean} filters whether there is a filter of devices
 */
function templateOf(namespaces, filters) {
  const key = `${namespaces} ${filters}`;
  const template = templates.get(key) ?? {
    writes: [],
    lateWrites: [],
    namespaces,
    pidNamespace: '',
    holdsMounts: true,
    image: '',
    reach: '',
    devices: filters ? USUAL_DEVICES : null,
    stdin: false,
    log: null,
  };
  templates.set(key, template);
  return template;
}

const BARE = { userns: /** @type {const} */ ('host'), seccomp: /** @type {const} */ ('unconfined') };

/** @type {{ what: string, fields: Partial<SpecInput>, options: string[], ratioAtMost: number }[]} */
const PROTECTIONS = [
  { what: 'start: namespaces, cgroup, mounts only', fields: BARE, options: [], ratioAtMost: 1.5 },
  { what: 'start: + seccomp', fields: { userns: 'host' }, options: ['seccomp'], ratioAtMost: 1.5 },
  { what: 'start: + device filter', fields: BARE, options: ['devices'], ratioAtMost: 1.5 },
  {
    what: 'start: + user namespace, root id-mapped',
    fields: { userns: 'auto', seccomp: 'unconfined' },
    options: ['userns'],
    ratioAtMost: 1.5,
  },
  {
    what: 'start: + id-mapped overlay root',
    fields: { userns: 'auto', seccomp: 'unconfined', root: { overlay: true } },
    options: ['userns', 'overlay'],
    ratioAtMost: 1.5,
  },
];

/** @type {Record<string, number>} how many times faster than these a start has to be */
const FASTER_THAN = { 'crun run': 4, 'runc run': 10, bwrap: 2.5 };

/** @param {Context} context */
export async function measure({ place, much, row, peers }) {
  const addon = new Addon(place);
  const own = addon.measure({ userns: 'host' }, { devices: true });
  const floor = place.startFloor('devices', 'seccomp');
  const others = peers ? peerCommands(place) : {};
  const launched = Object.fromEntries(
    Object.entries(others).map(([name, command]) => [name, place.launch(...command)]),
  );
  const first = await takeTurns({ own, floor }, much(40, 25));
  const told = { unit: 'us', floor: 'C, the same calls' };
  const floorTimes = summarize(must(first.floor));
  const ownTimes = summarize(must(first.own));
  row({
    what: 'start: default isolation, in-process',
    measured: ownTimes,
    floorMeasured: floorTimes,
    ratioAtMost: 1,
    ...told,
  });
  const ahead = addon.measureAhead({ userns: 'host' });
  const pair = await takeTurns({ ahead, floor }, much(40, 25));
  row({
    what: 'start made ahead: default isolation, in-process',
    measured: summarize(must(pair.ahead)),
    floorMeasured: summarize(must(pair.floor)),
    ratioAtMost: 0.45,
    ...told,
  });
  for (const { what, fields, options, ratioAtMost } of PROTECTIONS) {
    const root = { path: place.root, ...fields.root };
    const subject = addon.measure({ ...fields, root }, { devices: options.includes('devices') });
    const pair = await takeTurns({ own: subject, floor: place.startFloor(...options) }, much(15, 20));
    row({
      what,
      measured: summarize(must(pair.own)),
      floorMeasured: summarize(must(pair.floor)),
      ratioAtMost,
      ...told,
    });
  }
  if (!peers) return;
  const turns = await takeTurns({ niwa: own, ...launched }, much(10, 10));
  const niwa = summarize(must(turns.niwa));
  for (const name of Object.keys(others)) {
    const { times, error } = turns[name] ?? { times: [], error: 'not measured' };
    const measured = error === '' ? summarize(times) : null;
    const goal = FASTER_THAN[name];
    row({
      what: 'start: other runtimes, default isolation, the same root',
      subject: name,
      unit: 'us',
      measured,
      floor: 'niwa in-process',
      floorMeasured: niwa,
      ...(goal === undefined ? {} : { ratioAtLeast: goal }),
      note: error === '' ? '' : `does not run here: ${error}`,
    });
  }
}

/** @param {{ times: number[], error: string } | undefined} result */
function must(result) {
  if (result === undefined || result.error !== '') throw new Error(result?.error ?? 'not measured');
  return result.times;
}

// @ts-check
// A cold start through the socket: one request creates, starts and waits.
import { setTimeout as sleep } from 'node:timers/promises';
import { takeTurns } from '../harness/order.mjs';
import { summarize } from '../harness/statistics.mjs';

/** @typedef {Awaited<ReturnType<import('../bench.mjs').Context['place']['daemon']>>} Daemon */
/** @typedef {import('../../../dist/protocol/spec.js').SpecInput} SpecInput */

const PATH = '/v1/containers?start=true&wait=true';

// The bill has to be on disk before the end is told: a second floor has that too.
const SYNCED = 'C, the same calls and a synced record';

/** Their code is not that of the other starts: V8 has to optimize it, too. */
const WARM_STARTS_AHEAD = 1000;

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, much, many, row, warm }) {
  const daemon = await place.daemon();
  const spec = { process: { args: ['/exit0'] }, root: { path: place.root } };
  await measureNew({ daemon, place, much, row, spec: { ...spec, userns: 'host' } });
  /** @type {{ what: string, fields: object, options: string[] }[]} */
  const kinds = [
    {
      what: 'start through the socket: default isolation',
      fields: { userns: 'host' },
      options: ['devices', 'seccomp'],
    },
    {
      what: 'start through the socket: all protections, a user namespace among them',
      fields: {},
      options: ['devices', 'seccomp', 'userns'],
    },
  ];
  for (const { what, fields, options } of kinds) {
    const niwa = daemon.request('POST', PATH, { ...spec, ...fields });
    const floor = place.startFloor(...options);
    const recorded = place.startFloor(...options, `record=${place.rootHolder}/records`);
    await warm(niwa);
    const turns = await takeTurns({ niwa, floor, recorded }, much(20, 20));
    const measured = summarize(turns.niwa?.times ?? []);
    row({
      what,
      unit: 'us',
      measured,
      floor: 'C, the same calls',
      floorMeasured: summarize(turns.floor?.times ?? []),
    });
    const floorMeasured = summarize(turns.recorded?.times ?? []);
    row({ what, unit: 'us', measured, floor: SYNCED, floorMeasured, ratioAtMost: 1.4 });
  }
  await measureAhead({ daemon, place, much, many, row, spec: { ...spec, userns: 'host' } });
}

/**
 * The first starts of a niwad: V8 runs most of its code unoptimized.
 * @param {Pick<import('../bench.mjs').Context, 'place' | 'much' | 'row'> & { daemon: Daemon, spec: SpecInput }} context
 */
async function measureNew({ daemon, place, much, row, spec }) {
  const niwa = daemon.request('POST', PATH, spec);
  const floor = place.startFloor('devices', 'seccomp', `record=${place.rootHolder}/records`);
  const turns = await takeTurns({ niwa, floor }, much(20, 20));
  row({
    what: 'start through the socket: default isolation, a new niwad',
    unit: 'us',
    measured: summarize(turns.niwa?.times ?? []),
    floor: SYNCED,
    floorMeasured: summarize(turns.floor?.times ?? []),
  });
}

/**
 * A start of a pool: each begins when the pool is full, so that no container is made meanwhile. One floor starts without
 * pause, as in the other rows; a second one pauses as long before each start, so that it finds the processor's caches in
 * the same state.
 * @param {Pick<import('../bench.mjs').Context, 'place' | 'much' | 'many' | 'row'> & { daemon: Daemon, spec: SpecInput }} context
 */
async function measureAhead({ daemon, place, much, many, row, spec }) {
  const { client } = daemon;
  await client.createPool({ name: 'bench', ahead: 2, template: spec });
  const request = daemon.request('POST', '/v1/pools/bench/start?wait=true');
  const floor = place.startFloor('devices', 'seccomp', `record=${place.rootHolder}/records`);
  let pauseMs = 0;
  const filled = async () => {
    const begun = performance.now();
    while ((await client.pool('bench')).ready < 2) await sleep(5);
    pauseMs = performance.now() - begun;
  };
  const ahead = oneByOne(request, filled);
  await ahead(many(WARM_STARTS_AHEAD), 1);
  const turns = await takeTurns({ ahead, floor, paused: oneByOne(floor, () => sleep(pauseMs)) }, much(20, 20));
  await client.removePool('bench');
  const what = 'start made ahead, through the socket: default isolation';
  const measured = summarize(turns.ahead?.times ?? []);
  const floorMeasured = summarize(turns.floor?.times ?? []);
  row({ what, unit: 'us', measured, floor: SYNCED, floorMeasured, ratioAtMost: 1 });
  const pausedMeasured = summarize(turns.paused?.times ?? []);
  row({ what, unit: 'us', measured, floor: `${SYNCED}, after pauses as long`, floorMeasured: pausedMeasured });
}

/**
 * Measures starts that each wait for something first.
 * @param {import('../harness/order.mjs').Measure} start
 * @param {() => Promise<unknown>} before
 * @returns {import('../harness/order.mjs').Measure}
 */
function oneByOne(start, before) {
  return async (count, threads) => {
    const times = [];
    for (let i = 0; i < count; i++) {
      await before();
      times.push(...(await start(1, threads)).times);
    }
    return { times, wall: times.reduce((sum, time) => sum + time, 0) };
  };
}

// @ts-check
// Starts a second through the socket, with many at once.
import { takeTurns } from '../harness/order.mjs';
import { peerCommands } from '../harness/peers.mjs';

const MOST = 16;
const CONCURRENCY = [1, 2, 4, 8, MOST];
const LOOP_DELAY_GOAL_MS = 6;
const FASTER_THAN_CRUN = 2.5;

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, much, row, peers, warm }) {
  const daemon = await place.daemon({}, { observed: true });
  const spec = { process: { args: ['/exit0'] }, root: { path: place.root }, userns: /** @type {const} */ ('host') };
  const niwa = daemon.request('POST', '/v1/containers?start=true&wait=true', spec);
  const floor = place.startFloor('devices', 'seccomp');
  const { 'crun run': command } = peers ? peerCommands(place) : {};
  const crun = command === undefined ? {} : { crun: place.launch(...command) };
  const first = await takeTurns({ niwa, floor }, { ...much(5, 80), threads: MOST });
  row({
    what: `starts a second, ${MOST} at once, a new niwad`,
    unit: '1/s',
    measured: rateOf(first.niwa),
    floor: 'C, as many threads',
    floorMeasured: rateOf(first.floor),
  });
  await warm(niwa);
  for (const threads of CONCURRENCY) {
    await daemon.loopDelayP99();
    const turns = await takeTurns({ niwa, floor, ...crun }, { ...much(5, 80), threads });
    const p99 = await daemon.loopDelayP99();
    const what = `starts a second, ${threads} at once`;
    row({
      what,
      unit: '1/s',
      measured: rateOf(turns.niwa),
      floor: 'C, as many threads',
      floorMeasured: rateOf(turns.floor),
      ratioAtLeast: 0.8,
    });
    row({
      what: `event loop of the daemon meanwhile, ${threads} at once`,
      unit: 'ms',
      measured: { n: 1, median: p99, p95: p99, p99, max: p99 },
      goal: `p99 at most ${LOOP_DELAY_GOAL_MS} ms`,
      met: p99 <= LOOP_DELAY_GOAL_MS,
    });
    if (turns.crun !== undefined && turns.crun.error === '')
      row({
        what: `${what}, beside crun`,
        unit: '1/s',
        measured: rateOf(turns.niwa),
        floor: 'crun run',
        floorMeasured: rateOf(turns.crun),
        ...(threads === MOST ? { ratioAtLeast: FASTER_THAN_CRUN } : {}),
      });
  }
}

/** @param {{ times: number[], wall: number } | undefined} turns @returns {import('../harness/statistics.mjs').Summary} */
function rateOf({ times, wall } = { times: [], wall: 0 }) {
  const value = (times.length / wall) * 1e6;
  return { n: times.length, median: value, p95: value, p99: value, max: value };
}

// @ts-check
// A cold start through the socket: one request creates, starts and waits.
import { takeTurns } from '../harness/order.mjs';
import { summarize } from '../harness/statistics.mjs';

const PATH = '/v1/containers?start=true&wait=true';

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, much, row }) {
  const daemon = await place.daemon();
  const spec = { process: { args: ['/exit0'] }, root: { path: place.root } };
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
    // The bill has to be on disk before the end is told: the second floor has that too.
    const recorded = place.startFloor(...options, `record=${place.rootHolder}/records`);
    const turns = await takeTurns({ niwa, floor, recorded }, much(20, 20));
    const measured = summarize(turns.niwa?.times ?? []);
    const synced = 'C, the same calls and a synced record';
    row({
      what,
      unit: 'us',
      measured,
      floor: 'C, the same calls',
      floorMeasured: summarize(turns.floor?.times ?? []),
    });
    const floorMeasured = summarize(turns.recorded?.times ?? []);
    row({ what, unit: 'us', measured, floor: synced, floorMeasured, ratioAtMost: 1.4 });
  }
}

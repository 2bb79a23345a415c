// @module-tag vm
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { PATIENCE } from './support/host.js';
import { isAlive, type Niwad } from './support/niwad.js';
import { test } from './support/test.js';

/** Daemonises as it is done: a fork, a session of its own, another fork, and deaf to polite signals. */
const DAEMONISE = '(setsid sh -c \'trap "" TERM HUP INT; sleep 1000 & sleep 1000 & wait\' >/dev/null 2>&1 &)';

const ends: [string, (niwad: Niwad, id: string) => unknown, object][] = [
  ['exits', ({ place }, id) => writeFileSync(join(place.files, id), ''), { code: 4, reason: 'exited' }],
  ['is stopped', ({ client }, id) => client.stop(id), { reason: 'stopped' }],
  ['is killed', ({ client }, id) => client.kill(id), { reason: 'killed' }],
];

describe.each(['new', 'host'])('all descendants die with the container (PID namespace: %s)', (pid) => {
  test.for(ends)('when its first process %s', async ([name, end, exit], { niwad }) => {
    const id = `${name.replace(' ', '-')}-${pid}`;
    const script = `${DAEMONISE}; while [ ! -e /gate/${id} ]; do sleep 0.02; done; exit 4`;
    await niwad.start({
      id,
      process: { args: ['sh', '-c', script] },
      mounts: [{ type: 'bind', source: niwad.place.files, target: '/gate' }],
      namespaces: { pid },
    });
    await vi.waitFor(() => expect(niwad.pidsOf(id).length).toBeGreaterThanOrEqual(4), PATIENCE);
    const pids = niwad.pidsOf(id);
    await end(niwad, id);
    expect(await niwad.client.wait(id)).toMatchObject(exit);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(niwad.groupOf(id))).toBe(false);
  });
});

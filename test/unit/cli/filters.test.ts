import { describe, expect, it } from 'vitest';
import { type Filtered, hasState, parseFilters } from '../../../src/cli/filters.js';
import { NiwaError } from '../../../src/protocol/errors.js';
import { specOf } from '../support.js';

const digest = `sha256:${'ab12'.repeat(16)}`;
const web: Filtered = {
  id: 'web-1',
  state: 'exited',
  exit: { code: 3, signal: null, reason: 'exited', at: '2026-11-27T12:00:00.000Z' },
  restarts: { count: 1, next_at: '2026-11-27T12:00:02.000Z', stopped: false, failure: null },
  image: { name: 'shop:latest', id: digest },
  network: { bridge: 'niwa0', device: 'niwa0v2', address: '10.88.0.2', address6: null, mac: '02:00:00:00:00:01' },
  spec: specOf({
    owner: 'alice',
    labels: { tier: 'front', job: 'a=b' },
    network: { ports: ['8080:80'], group: 'shops' },
    mounts: [
      { type: 'bind', source: '/srv/data', target: '/data' },
      { type: 'tmpfs', target: '/scratch' },
      { type: 'volume', source: 'goods', target: '/goods' },
    ],
  }),
};
const plain: Filtered = {
  ...web,
  id: 'db',
  state: 'running',
  exit: null,
  restarts: { ...web.restarts, next_at: null },
  image: null,
  network: null,
  spec: specOf(),
};

const fits = (...texts: string[]) => {
  const test = parseFilters(texts);
  return [test(web), test(plain)];
};

it.each([
  [['id=web'], true, false],
  [['id=eb-1'], false, false],
  [['name=eb-'], true, false],
  [['status=exited'], true, false],
  [['status=live'], false, true],
  [['status=restarting'], true, false],
  [['exited=3'], true, false],
  [['exited=0'], false, false],
  [['label=tier'], true, false],
  [['label=tier=front'], true, false],
  [['label=job=a=b'], true, false],
  [['label=tier=back'], false, false],
  [['owner=alice'], true, false],
  [['service=shop'], false, false],
  [['ancestor=shop'], true, false],
  [['ancestor=shop:latest'], true, false],
  [['ancestor=ab12ab12'], true, false],
  [['ancestor=sho'], false, false],
  [['network=niwa0'], true, false],
  [['network=shops'], true, false],
  [['network=none'], false, true],
  [['volume=/data'], true, false],
  [['volume=/srv/data'], true, false],
  [['volume=/scratch'], true, false],
  [['volume=goods'], true, false],
  [['publish=8080'], true, false],
  [['status=exited', 'status=running'], true, true],
  [['status=exited', 'owner=bob'], false, false],
  [['label=tier', 'label=job'], true, false],
  [['label=tier', 'label=no'], false, false],
  [[], true, true],
])('%j', (texts, first, second) => {
  expect(fits(...texts)).toEqual([first, second]);
});

it('exited takes the status that niwa run ends with', () => {
  const killed: Filtered = { ...web, exit: { code: null, signal: 'SIGKILL', reason: 'killed', at: '2026-11-27' } };
  expect([parseFilters(['exited=137'])(killed), parseFilters(['exited=137'])(web)]).toEqual([true, false]);
});

describe('refuses', () => {
  it.each(['before=web', 'status', 'status=dead', 'exited=x', 'constructor=1', '=x'])('%s', (text) => {
    expect(() => parseFilters([text])).toThrow(NiwaError);
  });

  it('an unknown filter with the list of all, an unknown state with the list of states', () => {
    expect(() => parseFilters(['since=web'])).toThrow(
      'NAME=VALUE with one of the names id, name, status, exited, label, owner, service, ancestor, network, volume, publish',
    );
    expect(() => hasState('dead', '--state')).toThrow(
      '--state: found "dead"; allowed: created, running, paused, stopping, exited, live, restarting',
    );
  });
});

it('finds a container by the beginning of the id that its engine has given it', () => {
  const made = { ...plain, oci: { id: 'c0ffee-shop', root: '/r', bundle: '/b' } };
  expect(parseFilters(['id=c0ffee'])(made)).toBe(true);
  expect(parseFilters(['id=shop'])(made)).toBe(false);
});

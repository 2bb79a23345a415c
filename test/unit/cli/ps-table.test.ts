import { describe, expect, it } from 'vitest';
import { networkWords, portText } from '../../../src/cli/network-text.js';
import { psTable } from '../../../src/cli/ps-table.js';
import { stateCell } from '../../../src/cli/states.js';
import type { ContainerStatus, Exit } from '../../../src/protocol/container.js';
import { specOf } from '../support.js';

const at = '2026-11-27T12:00:00.000Z';
const now = Date.parse(at);
const web = {
  id: 'web',
  state: 'running',
  ready: null,
  created_at: '2026-11-27T11:59:00.000Z',
  deadline_at: '2026-11-27T12:10:00.000Z',
  exit: null,
  usage: { cpu: { usage_usec: 1_500_000 }, memory: { current: 2 ** 20 } },
  network: { bridge: 'niwa0', device: 'niwa0v2', address: '10.88.0.2', address6: null, mac: '02:00:00:00:00:01' },
  image: { name: 'shop:1', id: 'sha256:0' },
  spec: specOf({
    owner: 'alice',
    process: { args: ['serve', '--a-very-long-option-of-a-very-long-command'] },
    network: { ports: ['8080:80', '127.0.0.1:53:53/udp'], group: 'shops' },
  }),
} as unknown as ContainerStatus;

it('shows containers, commands cut', () => {
  expect(psTable([web], now).text().split('\n')).toEqual([
    'ID   STATE    AGE  LEFT  CPU TIME  MEMORY  OWNER  COMMAND',
    'web  running   1m   10m     1.50s    1.0M  alice  serve --a-very-long-option-of-a-very-lo…',
  ]);
});

it('shows service, image and network too, and commands whole', () => {
  const [headings, row] = psTable([web], now, { wide: true, whole: true }).text().split('\n');
  expect(headings).toMatch(/ OWNER +SERVICE +IMAGE +NETWORK +ADDRESS +PORTS +ENGINE ID +COMMAND$/);
  expect(row).toMatch(
    / alice +- +shop:1 +niwa0 shops +10\.88\.0\.2 +\*:8080->80\/tcp, 127\.0\.0\.1:53->53\/udp +- +serve --a-very-long-option-of-a-very-long-command$/,
  );
});

it('shows what an engine calls its container, random ids as short as the engine does', () => {
  const engineId = (id: string, whole = false) => {
    const of = { ...web, oci: { id, root: '/r', bundle: '/b' } };
    return psTable([of], now, { wide: true, whole })
      .text()
      .split('\n')[1]
      ?.match(/53\/udp +(\S+) +serve/)?.[1];
  };
  expect(engineId('a1b2'.repeat(16))).toBe('a1b2a1b2a1b2');
  expect(engineId('a1b2'.repeat(16), true)).toBe('a1b2'.repeat(16));
  expect(engineId('the-front-of-a-shop')).toBe('the-front-of-a-shop');
});

it('fits a narrow screen: the command is cut, figures are left out, id and state stay', () => {
  const [headings, row] = psTable([web], now).text({ columns: 40, colours: false }).split('\n');
  expect(headings).toBe('ID   STATE    AGE  LEFT  COMMAND');
  expect(row).toBe('web  running   1m   10m  serve --a-very…');
});

describe('a state', () => {
  const restarts = { count: 0, next_at: null, stopped: false, failure: null };
  const ended = (exit: Partial<Exit>, waits: Partial<ContainerStatus['restarts']> = {}) =>
    stateCell(
      {
        state: 'exited',
        ready: null,
        exit: { code: null, signal: null, reason: 'exited', at, ...exit },
        restarts: { ...restarts, ...waits },
      },
      now,
    );

  it.each<[Partial<Exit>, string, string]>([
    [{ code: 0 }, 'exited (0)', 'dim'],
    [{ code: 3 }, 'exited (3)', 'alarm'],
    [{ reason: 'signaled', signal: 'SIGSEGV' }, 'exited (SIGSEGV)', 'alarm'],
    [{ reason: 'lifetime', signal: 'SIGKILL' }, 'exited (lifetime, SIGKILL)', 'dim'],
    [{ reason: 'stopped', code: 0 }, 'exited (stopped, 0)', 'dim'],
    [{ reason: 'oom', signal: 'SIGKILL' }, 'exited (oom, SIGKILL)', 'alarm'],
    [{ reason: 'unknown' }, 'exited (unknown)', 'dim'],
  ])('%j is %s', (exit, text, style) => {
    expect(ended(exit)).toEqual({ text, style });
  });

  it('tells when its policy starts it again', () => {
    const next_at = new Date(now + 2000).toISOString();
    expect(ended({ code: 3 }, { next_at }).text).toBe('restarting in 2s (3)');
  });

  it('is ready where a check says so', () => {
    const ready = { state: 'ready' as const, at, took_usec: 1 };
    expect(stateCell({ state: 'running', ready, exit: null, restarts }, now).text).toBe('ready');
    expect(stateCell({ state: 'paused', ready, exit: null, restarts }, now).text).toBe('paused');
  });
});

it('names networks and ports', () => {
  expect(networkWords({ spec: specOf({ namespaces: { network: 'container:db' } }), network: null })).toEqual([
    'container:db',
  ]);
  expect(networkWords({ spec: specOf(), network: null })).toEqual(['none']);
  expect(portText({ protocol: 'tcp', hostAddress: '::2', host: 1, container: 2 })).toBe('[::2]:1->2/tcp');
});

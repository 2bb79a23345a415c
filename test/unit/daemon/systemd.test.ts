import { describe, expect, it } from 'vitest';
import { takeManagerVariables } from '../../../src/daemon/systemd.js';
import { refusal } from '../support.js';

const PID = 4321;
const NONE = { notifySocket: null, watchdogUsec: null, sockets: { count: 0, names: [] } };
const handing = (count: number, ...names: string[]) => ({ ...NONE, sockets: { count, names } });

describe('the variables of a service manager', () => {
  it.each<[string, NodeJS.ProcessEnv, object]>([
    ['none', {}, NONE],
    ['empty ones', { NOTIFY_SOCKET: '', WATCHDOG_USEC: '', LISTEN_FDS: '', LISTEN_PID: '' }, NONE],
    ['a socket', { NOTIFY_SOCKET: '/run/systemd/notify' }, { ...NONE, notifySocket: '/run/systemd/notify' }],
    ['an abstract socket', { NOTIFY_SOCKET: '@n' }, { ...NONE, notifySocket: '@n' }],
    ['a watchdog for anybody', { WATCHDOG_USEC: '30000000' }, { ...NONE, watchdogUsec: 30_000_000 }],
    ['a watchdog for us', { WATCHDOG_USEC: '5', WATCHDOG_PID: '4321' }, { ...NONE, watchdogUsec: 5 }],
    ['a watchdog for another', { WATCHDOG_USEC: '5', WATCHDOG_PID: '4320' }, NONE],
    ['a descriptor', { LISTEN_FDS: '1', LISTEN_PID: '4321', LISTEN_FDNAMES: 'api' }, handing(1, 'api')],
    [
      'two with names',
      { LISTEN_FDS: '2', LISTEN_PID: '4321', LISTEN_FDNAMES: 'a.socket:' },
      handing(2, 'a.socket', ''),
    ],
    ['three descriptors', { LISTEN_FDS: '3', LISTEN_PID: '4321' }, handing(3)],
    ['a descriptor for another', { LISTEN_FDS: '1', LISTEN_PID: '1', LISTEN_FDNAMES: 'api' }, NONE],
    ['a descriptor for nobody', { LISTEN_FDS: '1' }, NONE],
  ])('%s are understood, and taken away', (_, variables, expected) => {
    const env = { PATH: '/bin', ...variables };
    expect(takeManagerVariables(env, PID)).toEqual(expected);
    expect(env).toEqual({ PATH: '/bin' });
  });

  it.each([
    ['WATCHDOG_USEC', '30s'],
    ['WATCHDOG_USEC', '0'],
    ['WATCHDOG_PID', '-1'],
    ['LISTEN_FDS', '1e1'],
    ['LISTEN_PID', ' 1'],
  ])('%s=%s is refused', (name, value) => {
    const error = refusal(() => takeManagerVariables({ [name]: value }, PID));
    expect([error.code, error.message]).toEqual(['HOST_ERROR', expect.stringContaining(`${name} is "${value}"`)]);
  });
});

import { describe, expect, it } from 'vitest';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { problemsIn, specOf } from '../support.js';

const times = { everyUsec: 100_000, timeoutUsec: 30_000_000, onTimeout: 'stop' };

describe('readiness', () => {
  it.each<[NonNullable<SpecInput['ready']>, object]>([
    [{ tcp: 80 }, { ...times, check: { type: 'tcp', port: 80 } }],
    [{ http: { port: 80, path: '/' } }, { ...times, check: { type: 'http', port: 80, path: '/', status: null } }],
    [{ command: ['true'] }, { ...times, check: { type: 'command', args: ['true'] } }],
    [
      { http: { port: 80, path: '/a?b=c', status: 204 }, every: '1s', timeout: 5, onTimeout: 'log' },
      {
        check: { type: 'http', port: 80, path: '/a?b=c', status: 204 },
        everyUsec: 1_000_000,
        timeoutUsec: 5_000_000,
        onTimeout: 'log',
      },
    ],
  ])('%j is %j', (ready, expected) => {
    expect(specOf({ ready }).ready).toEqual(expected);
  });

  it.each<[object, string]>([
    [{}, 'ready'],
    [{ tcp: 80, http: { port: 80, path: '/' } }, 'ready'],
    [{ tcp: 80, command: ['true'] }, 'ready'],
    [{ command: [] }, 'ready.command'],
    [{ command: [''] }, 'ready.command[0]'],
    [{ tcp: 0 }, 'ready.tcp'],
    [{ tcp: 65_536 }, 'ready.tcp'],
    [{ http: { port: 80 } }, 'ready.http.path'],
    [{ http: { port: 80, path: 'health' } }, 'ready.http.path'],
    [{ http: { port: 80, path: '/ HTTP/1.1\r\nX: y' } }, 'ready.http.path'],
    [{ http: { port: 80, path: '/', status: 99 } }, 'ready.http.status'],
    [{ tcp: 80, every: '9ms' }, 'ready.every'],
    [{ tcp: 80, timeout: 0 }, 'ready.timeout'],
    [{ tcp: 80, timeout: '25h' }, 'ready.timeout'],
    [{ tcp: 80, onTimeout: 'fail' }, 'ready.onTimeout'],
  ])('%j is refused at %s', (ready, path) => {
    expect(problemsIn(() => specOf({ ready }))).toMatchObject([{ path }]);
  });
});

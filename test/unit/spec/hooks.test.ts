import { describe, expect, it } from 'vitest';
import { mapPrograms } from '../../../src/spec/hooks.js';
import { problemsIn, specOf } from '../support.js';

const args = ['/opt/hook', 'a'];
const problemsOf = (hooks: object) => problemsIn(() => specOf({ hooks }));
const ABSOLUTE = 'the absolute path of a program on the host';

describe('hooks', () => {
  it.each(['beforeCreate', 'afterNetwork', 'afterStart'] as const)(
    'fail the start at %s unless they say log',
    (point) => {
      const { hooks } = specOf({ hooks: { [point]: [{ args }, { args, onError: 'log' }] } });
      const program = { file: '/opt/hook', args, env: {}, timeoutUsec: 10_000_000 };
      expect(hooks).toEqual({
        [point]: [
          { ...program, onError: 'fail' },
          { ...program, onError: 'log' },
        ],
      });
    },
  );

  it.each(['onReady', 'onStop', 'afterExit', 'onFailure'] as const)('cannot fail anything at %s', (point) => {
    const ready = { tcp: 80 };
    expect(specOf({ ready, hooks: { [point]: [{ args }] } }).hooks[point]?.[0]?.onError).toBe('log');
    expect(problemsOf({ [point]: [{ args, onError: 'fail' }] })).toEqual([
      {
        path: `hooks.${point}[0].onError`,
        found: '"fail"',
        allowed: '"log": nothing can be refused any more at this point',
      },
    ]);
  });

  it('have times in the units of specs, and an environment', () => {
    const hook = { args, env: { A: 'b' }, timeout: '250ms', every: '1m' };
    expect(specOf({ hooks: { interval: [hook] } }).hooks).toEqual({
      interval: [{ file: '/opt/hook', args, env: { A: 'b' }, timeoutUsec: 250_000, everyUsec: 60_000_000 }],
    });
  });

  it.each<[object, string, string, string]>([
    [{ onStop: [{ args: ['sh'] }] }, 'hooks.onStop[0].args[0]', '"sh"', ABSOLUTE],
    [{ onStop: [{ args }, { args: ['./a'] }] }, 'hooks.onStop[1].args[0]', '"./a"', ABSOLUTE],
    [{ onStop: [{ args, timeout: 0 }] }, 'hooks.onStop[0].timeout', '0', 'from 1ms to 1h'],
    [{ onStop: [{ args, timeout: '61m' }] }, 'hooks.onStop[0].timeout', '"61m"', 'from 1ms to 1h'],
    [{ interval: [{ args, every: '99ms' }] }, 'hooks.interval[0].every', '"99ms"', 'from 100ms to 1d'],
    [{ interval: [{ args, every: '25h' }] }, 'hooks.interval[0].every', '"25h"', 'from 100ms to 1d'],
    [{ onStop: {} }, 'hooks.onStop', '{}', 'a list of up to 16 {"args", "env"?, "timeout"?, "onError"?}'],
    [
      { onReady: [{ args }] },
      'hooks.onReady',
      '[{"args":["/opt/hook","a"]}]',
      'nothing without "ready": nobody would find out',
    ],
  ])('%j is refused at %s', (hooks, path, found, allowed) => {
    expect(problemsOf(hooks)).toEqual([{ path, found, allowed }]);
  });

  it('are at most 16 at a point', () => {
    expect(problemsOf({ onStop: Array.from({ length: 17 }, () => ({ args })) })).toMatchObject([
      { path: 'hooks.onStop' },
    ]);
    expect(problemsOf({ onstop: [] })).toMatchObject([{ path: 'hooks.onstop' }]);
  });

  it('are changed program by program', () => {
    const { hooks } = specOf({ hooks: { onStop: [{ args }], interval: [{ args, every: 1 }] } });
    const changed = mapPrograms(hooks, (program) => ({ ...program, file: '/real' }));
    expect([changed.onStop?.[0]?.file, changed.interval?.[0]?.file]).toEqual(['/real', '/real']);
    expect(changed.onStop?.[0]?.args).toEqual(args);
  });
});

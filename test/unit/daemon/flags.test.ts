import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFlags } from '../../../src/daemon/command-line.js';
import { plainFlags } from '../../../src/daemon/flags.js';

const NAMES = ['socket', 'run-dir', 'state-dir', 'cgroup', 'config', 'log-level'];
const fail = (words: string): never => {
  throw new Error(words);
};

/** What yargs says, without the fields that it adds. */
function byYargs(args: string[], env: NodeJS.ProcessEnv) {
  const { socket, runDir, stateDir, cgroup, config, logLevel, drain } = parseFlags(args, env, fail);
  return { socket, runDir, stateDir, cgroup, config, logLevel, drain };
}

describe('a plain command line', () => {
  it('gives flags, then the environment', () => {
    const env = { NIWA_RUN_DIR: '/tmp/other', NIWA_CGROUP: 'mine', NIWA_DEBUG: 'x' };
    expect(plainFlags(['--run-dir', '/tmp/run', '--log-level=warn', '--drain'], env)).toEqual({
      socket: undefined,
      runDir: '/tmp/run',
      stateDir: undefined,
      cgroup: 'mine',
      config: undefined,
      logLevel: 'warn',
      drain: true,
    });
  });

  it.each([
    [['--help']],
    [['--version']],
    [['--soket', '/x']],
    [['--constructor', '/x']],
    [['--socket']],
    [['--socket', '--drain']],
    [['--socket', '-']],
    [['--socket', '']],
    [['--socket=']],
    [['--socket', '"/x"']],
    [['--socket', '/x', '--socket', '/y']],
    [['--runDir', '/x']],
    [['--no-drain']],
    [['--drain=false']],
    [['--drain', 'false']],
    [['-h']],
    [['--', '--drain']],
    [['x']],
  ])('is not %j: yargs reads that', (args) => {
    expect(plainFlags(args, {})).toBeNull();
  });

  it('means the same to yargs', () => {
    const value = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[a-z0-9/._:= -]+$/),
      fc.constantFrom('5', '0x10', 'true', '/a b'),
    );
    const flag = fc
      .tuple(fc.constantFrom(...NAMES), value, fc.boolean())
      .map(([name, text, joined]) => (joined ? [`--${name}=${text}`] : [`--${name}`, text]));
    const line = fc.array(fc.oneof(flag, fc.constant(['--drain'])), { maxLength: 4 }).map((parts) => parts.flat());
    const env = fc.record({ NIWA_SOCKET: fc.string(), NIWA_CONFIG: fc.string() }, { requiredKeys: [] });
    fc.assert(
      fc.property(line, env, (args, variables) => {
        const plain = plainFlags(args, variables);
        fc.pre(plain !== null);
        expect(plain).toEqual(byYargs(args, variables));
      }),
      { numRuns: 100 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { parseExec } from '../../../src/spec/exec.js';
import { problemsIn, specOf } from '../support.js';

const container = specOf({
  process: { args: ['main'], env: { A: '1', B: '2' }, cwd: '/srv', user: '5:6', umask: '077' },
  capabilities: { drop: ['CHOWN'] },
  seccomp: 'unconfined',
  rlimits: { nofile: 9, core: 0 },
});
const oneRule = { names: ['read'], action: 'SCMP_ACT_LOG', args: [{ index: 0, value: 1, op: 'SCMP_CMP_GE' }] };
const manyRules = Array(65).fill(oneRule);

describe('an exec', () => {
  it('is as its container where nothing else is said', () => {
    expect(parseExec({ args: ['ls'] }, container)).toEqual({
      process: { ...container.process, args: ['ls'] },
      stdin: false,
      size: null,
      capabilities: container.capabilities,
      seccomp: 'unconfined',
      rlimits: container.rlimits,
    });
  });

  it('changes what it says', () => {
    const asked = {
      args: ['ls'],
      env: { B: '3', C: '4' },
      cwd: '/',
      user: 7,
      stdin: true,
      capabilities: { drop: ['KILL'], add: ['SYS_PTRACE'] },
      seccomp: 'default',
      rlimits: { core: 5 },
    };
    const { process, capabilities, seccomp, rlimits, stdin } = parseExec(asked, container);
    expect(process).toMatchObject({ env: { A: '1', B: '3', C: '4' }, cwd: '/', uid: 7, gid: 7, umask: 0o77 });
    expect(capabilities).toEqual([...container.capabilities.filter((name) => name !== 'KILL'), 'SYS_PTRACE']);
    expect(seccomp).toBe('default');
    expect(rlimits).toEqual([
      { name: 'nofile', soft: 9, hard: 9 },
      { name: 'core', soft: 5, hard: 5 },
    ]);
    expect(stdin).toBe(true);
  });

  it('has a TERM with a terminal, its own or the usual one', () => {
    const term = (fields: object, spec = container) => parseExec({ args: ['sh'], ...fields }, spec).process.env.TERM;
    expect(term({})).toBeUndefined();
    expect(term({ tty: true })).toBe('xterm');
    expect(term({ tty: true, env: { TERM: 'vt100' } })).toBe('vt100');
    const own = specOf({ process: { args: ['sh'], env: { TERM: 'linux' } } });
    expect(term({ tty: true }, own)).toBe('linux');
  });

  it('has no terminal because its container has one', () => {
    expect(parseExec({ args: ['ls'] }, specOf({ process: { args: ['sh'], tty: true } })).process.tty).toBe(false);
  });

  it.each<[object, string]>([
    [{}, 'args'],
    [{ args: [] }, 'args'],
    [{ args: [''] }, 'args[0]'],
    [{ args: ['a'], more: 1 }, 'more'],
    [{ args: ['a'], cwd: 'b' }, 'cwd'],
    [{ args: ['a'], user: 65_536 }, 'user'],
    [{ args: ['a'], size: { rows: 0, columns: 1 } }, 'size.rows'],
    [{ args: ['a'], capabilities: { add: ['SYS_ADMIN'] } }, 'capabilities.add[0]'],
    [{ args: ['a'], capabilities: { drop: ['NONE'] } }, 'capabilities.drop[0]'],
    [{ args: ['a'], rlimits: { core: { soft: 2, hard: 1 } } }, 'rlimits.core.soft'],
    [{ args: ['a'], seccomp: 'none' }, 'seccomp'],
    [{ args: ['a'], seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: manyRules } }, 'seccomp.syscalls[64]'],
    [{ args: ['a'], detach: 'yes' }, 'detach'],
    [{ args: ['a'], detach: true, tty: true }, 'tty'],
    [{ args: ['a'], detach: true, stdin: true }, 'stdin'],
  ])('%j is refused at %s', (input, path) => {
    expect(problemsIn(() => parseExec(input, specOf())).map((problem) => problem.path)).toEqual([path]);
  });
});

import { describe, expect, it } from 'vitest';
import { execOps } from '../../../src/plan/exec.js';
import { makePlan } from '../../../src/plan/plan.js';
import { idMaps } from '../../../src/plan/userns.js';
import type { ExecInput } from '../../../src/protocol/exec.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { parseExec } from '../../../src/spec/exec.js';
import { capableHost, specOf } from '../support.js';

function opsOf(fields: Partial<SpecInput> = {}, asked: Partial<ExecInput> = {}, oomProtected = false) {
  const spec = specOf(fields);
  const { idRange, openFiles, compileSeccomp } = capableHost;
  const exec = parseExec({ args: ['ls', '-l'], ...asked }, spec);
  return execOps(spec, exec, { userns: idMaps(spec, idRange), oomProtected, openFiles, compileSeccomp });
}
const textsOf = (...args: Parameters<typeof opsOf>) => opsOf(...args).map(({ text }) => text);

describe('the program of an exec', () => {
  it('hides, enters, puts on what the container has, and executes', () => {
    expect(textsOf()).toEqual([
      'hide from the processes of the container',
      'enter the namespaces of the container: mount, cgroup, uts, ipc, network',
      'new session',
      'limit nofile to 1024:524288',
      'enter the user namespace as user 0, group 0',
      'look up the home and the groups of user 0 in the root',
      'bound capabilities to (CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE, SYS_CHROOT)',
      'become user 0, group 0',
      'hide from the processes of the container',
      'set capabilities 0x404fb',
      'no new privileges',
      'chdir to /',
      'umask 0022',
      'filter system calls by the default profile (2 instructions)',
      'close all descriptors but 0, 1 and 2 at the exec',
      'exec ls -l',
    ]);
  });

  it('puts on the restrictions in the order and with the arguments of the first process', () => {
    const fields: Partial<SpecInput> = {
      process: { args: ['/bin/true'], user: '5:6', cwd: '/srv', umask: '077', env: { A: '1' } },
      rlimits: { nofile: 9, core: { soft: 0, hard: 1 } },
      capabilities: { drop: ['ALL'] },
      oomScoreAdj: 7,
    };
    const boot = makePlan(specOf(fields), capableHost).boot;
    const own = [
      'rlimit',
      'join_user',
      'capbset',
      'user',
      'capset',
      'no_new_privs',
      'chdir',
      'umask',
      'seccomp',
      'close_fds',
    ];
    const restrictions = (ops: typeof boot) => ops.filter(({ name }) => own.includes(name));
    const ops = opsOf(fields);
    expect(restrictions(ops)).toEqual(restrictions(boot));
    expect(ops[1]?.text).toBe('write 7 to /proc/self/oom_score_adj');
    expect(ops.at(-1)?.strings).toEqual(['ls', '-l', ...(boot.at(-1)?.strings.slice(1) ?? [])]);
  });

  it('names all namespaces but PID and user by their flags', () => {
    expect(opsOf()[1]?.numbers).toEqual([0x00020000 + 0x02000000 + 0x04000000 + 0x08000000 + 0x40000000]);
  });

  it("stays in the host's user namespace with its container", () => {
    expect(opsOf({ userns: 'host' }).map(({ name }) => name)).not.toContain('join_user');
  });

  it("does not inherit niwad's protection from the OOM killer", () => {
    expect(textsOf({}, {}, true)).toContain('write 0 to /proc/self/oom_score_adj');
  });

  it('makes a terminal as the user that it is by then, before the filter', () => {
    const names = opsOf({}, { tty: true, size: { rows: 2, columns: 3 } }).map(({ name }) => name);
    expect(names.indexOf('terminal')).toBeGreaterThan(names.lastIndexOf('user'));
    expect(names.indexOf('terminal')).toBeLessThan(names.indexOf('seccomp'));
    expect(textsOf({}, { tty: true, size: { rows: 2, columns: 3 } })).toContain('make a terminal in /dev/pts (3x2)');
    expect(textsOf({}, { tty: true })).toContain('make a terminal in /dev/pts');
  });
});

describe('the plan of a container with a terminal', () => {
  it('makes it as its user, before it waits', () => {
    const names = makePlan(specOf({ process: { args: ['sh'], tty: true } }), capableHost).boot.map(({ name }) => name);
    expect(names.indexOf('terminal')).toBeGreaterThan(names.indexOf('capset'));
    expect(names.indexOf('terminal')).toBeLessThan(names.indexOf('wait'));
  });
});

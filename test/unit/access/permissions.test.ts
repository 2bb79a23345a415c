import { describe, expect, it } from 'vitest';
import { type Allowed, NOTHING_ALLOWED } from '../../../src/access/allowed.js';
import { requireExecPermission, requirePermission } from '../../../src/access/permissions.js';
import type { ExecInput } from '../../../src/protocol/exec.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { UNBOUNDED } from '../../../src/spec/ceilings.js';
import { parseExec } from '../../../src/spec/exec.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { refusal, specOf } from '../support.js';

const nothing: Allowed = { ...NOTHING_ALLOWED, ceilings: UNBOUNDED };
const some: Allowed = { ...nothing, roots: ['/images', '/more/'], sources: ['/data'], hooks: ['/opt/hooks'] };
const user = { uid: 1000, gid: 1000 };
const bind = (source: string, fields: object = {}) => ({
  mounts: [{ type: 'bind' as const, source, target: '/t', ...fields }],
});
const ask = (fields: Partial<SpecInput>, allowed: Allowed, caller = user) =>
  requirePermission(specOf(fields), caller, allowed);
const maps = [{ container: 0, host: 0, size: 10 }];

/** Everything that takes a protection away: the field, what is found, what is allowed. */
const unprotected: [Partial<SpecInput>, string, string, string][] = [
  [{ userns: 'host' }, 'userns', '"host"', '"auto"'],
  [
    { userns: { uids: maps, gids: maps } },
    'userns',
    '{"uids":[{"container":0,"host":0,"size":10}],"gids":[{"conta...',
    '"auto"',
  ],
  [{ seccomp: 'unconfined' }, 'seccomp', '"unconfined"', '"default"'],
  [{ seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } }, 'seccomp', '{"defaultAction":"SCMP_ACT_ALLOW"}', '"default"'],
  ...(['pid', 'network', 'ipc', 'uts', 'cgroup'] as const).flatMap((name): typeof unprotected => [
    [{ namespaces: { [name]: 'host' } }, `namespaces.${name}`, '"host"', '"new"'],
    [{ namespaces: { [name]: '/proc/1/ns/x' } }, `namespaces.${name}`, '"/proc/1/ns/x"', '"new"'],
  ]),
  [{ devices: ['/dev/sda'] }, 'devices[0]', '"/dev/sda"', 'no device beside the usual ones'],
  [{ network: { ports: ['80:80'] } }, 'network.ports[0]', '80', 'ports from 1024 on'],
  [
    { capabilities: { add: ['SETFCAP'] } },
    'capabilities.add',
    '"SETFCAP"',
    'all others, by name: this one gives capabilities to files',
  ],
  [
    { network: { linkLocal: 'allow' } },
    'network.linkLocal',
    '"allow"',
    '"deny": clouds give out the credentials of the host there',
  ],
  [{ oomScoreAdj: -1 }, 'oomScoreAdj', '-1', 'nothing below 0'],
];

describe('root', () => {
  it.each([...unprotected.map(([fields]) => fields), { root: { path: '/any' } }, bind('/etc')])(
    'may ask for %j',
    (fields) => {
      expect(() => ask(fields, nothing, { uid: 0, gid: 0 })).not.toThrow();
    },
  );
});

describe('another caller', () => {
  it.each<Partial<SpecInput>>([
    {},
    { root: { path: '/' } },
    { mounts: [{ type: 'tmpfs', target: '/t' }], oomScoreAdj: 500, process: { args: ['a'], user: 0 } },
    { network: { ports: ['8080:80'], group: 'a' } },
    { capabilities: { add: ['SYS_PTRACE'] }, init: true, resources: { pids: 5 } },
  ])('may always ask for %j', (fields) => {
    expect(() => ask(fields, nothing)).not.toThrow();
  });

  it.each<[string, boolean]>([
    ['/images', true],
    ['/images/a', true],
    ['/images/a/b', true],
    ['/imagesx', false],
    ['/image', false],
    ['/more', true],
    ['/more/a', true],
    ['/morex', false],
    ['/data', false],
    ['/etc', false],
  ])('may have the root %s: %s', (path, may) => {
    if (may) return expect(() => ask({ root: { path } }, some)).not.toThrow();
    expect(refusal(() => ask({ root: { path } }, some)).details.problems).toEqual([
      { path: 'root.path', found: `"${path}"`, allowed: 'a path below /images or /more/, without ".."' },
    ]);
  });

  it.each<[string, boolean]>([
    ['/data', true],
    ['/data/a', true],
    ['/database', false],
    ['/', false],
    ['/images', false],
  ])('may bind %s: %s', (source, may) => {
    if (may) return expect(() => ask(bind(source), some)).not.toThrow();
    expect(refusal(() => ask(bind(source), some)).details.problems).toEqual([
      { path: 'mounts[0].source', found: `"${source}"`, allowed: 'a path below /data, without ".."' },
    ]);
  });

  it('may have files below the roots, and keep writes below the sources', () => {
    const root = (file: string, directory: string) => ({ root: { file, overlay: { directory } } });
    expect(() => ask(root('/images/a.sqfs', '/data/kept'), some)).not.toThrow();
    expect(refusal(() => ask(root('/data/a.sqfs', '/images/kept'), some)).details.problems).toEqual([
      { path: 'root.file', found: '"/data/a.sqfs"', allowed: 'a path below /images or /more/, without ".."' },
      { path: 'root.overlay.directory', found: '"/images/kept"', allowed: 'a path below /data, without ".."' },
    ]);
  });

  it('may name an allowed directory that is a link, and what it leads to', () => {
    const linked = { ...some, real: { roots: [], sources: ['/mnt/disk'], hooks: [] } };
    for (const source of ['/data/a', '/mnt/disk/a']) expect(() => ask(bind(source), linked)).not.toThrow();
    expect(refusal(() => ask(bind('/mnt'), linked)).message).not.toContain('/mnt/disk');
  });

  it.each(['/data/../etc', '/data/a/..', '/data/..'])('may not bind %s: where it leads is not known', (source) => {
    expect(refusal(() => ask(bind(source), some)).code).toBe('FORBIDDEN');
  });

  it('is told what it has written, not where that leads', () => {
    const fields = (path: string): Partial<SpecInput> => ({
      ...bind(path),
      root: { path, overlay: { directory: path } },
      hooks: { onStop: [{ args: [path] }] },
    });
    const real = specOf(fields('/root/secret'));
    const error = refusal(() => requirePermission(real, user, some, specOf(fields('/data/link'))));
    expect(error.details.problems?.map(({ found }) => found)).toEqual(Array(4).fill('"/data/link"'));
    expect(error.message).not.toContain('secret');
  });

  it('may have every path below /', () => {
    const allowed = { ...nothing, roots: ['/'], sources: ['/'] };
    expect(() => ask({ root: { path: '/any' }, ...bind('/etc') }, allowed)).not.toThrow();
    expect(() => ask(bind('/'), allowed)).not.toThrow();
  });

  it.each<[string, boolean]>([
    ['/opt/hooks/register', true],
    ['/opt/hooksx/register', false],
    ['/bin/sh', false],
  ])('may have the hook %s: %s', (program, may) => {
    const hooks = { hooks: { interval: [{ args: [program], every: 1 }], onStop: [{ args: [program] }] } };
    if (may) return expect(() => ask(hooks, some)).not.toThrow();
    const allowed = 'a path below /opt/hooks, without ".."';
    expect(refusal(() => ask(hooks, some)).details.problems).toEqual([
      { path: 'hooks.onStop[0].args[0]', found: `"${program}"`, allowed },
      { path: 'hooks.interval[0].args[0]', found: `"${program}"`, allowed },
    ]);
    expect(() => ask(hooks, { ...nothing, privileged: true })).not.toThrow();
  });

  it('may not choose the environment of a hook: it would choose what runs', () => {
    const hooks = { hooks: { onStop: [{ args: ['/opt/hooks/a'], env: { LD_PRELOAD: '/tmp/evil.so' } }] } };
    expect(refusal(() => ask(hooks, some)).details.problems).toEqual([
      { path: 'hooks.onStop[0].env', found: '{"LD_PRELOAD":"/tmp/evil.so"}', allowed: 'nothing' },
    ]);
  });

  it.each(unprotected)('may not ask for %j, but where the operator allows it', (fields, path, found, allowed) => {
    const error = refusal(() => ask(fields, some));
    expect(error.code).toBe('FORBIDDEN');
    expect(error.details.problems).toEqual([{ path, found, allowed }]);
    expect(() => ask(fields, { ...some, privileged: true })).not.toThrow();
  });

  it("cannot leave the host's mount namespace protected only by not saying userns", () => {
    const problems = refusal(() => ask({ namespaces: { mount: 'host' } }, some)).details.problems ?? [];
    expect(problems.map(({ path }) => path)).toEqual(['userns', 'namespaces.mount']);
  });

  it('is not given paths by being allowed to switch protections off', () => {
    const allowed = { ...nothing, privileged: true };
    const problems = refusal(() => ask({ root: { path: '/any' }, ...bind('/etc') }, allowed)).details.problems ?? [];
    expect(problems.map(({ path, allowed: words }) => [path, words])).toEqual([
      ['root.path', 'no path at all'],
      ['mounts[0].source', 'no path at all'],
    ]);
  });

  it('is told everything at once, with who it is and who can help', () => {
    const error = refusal(() => ask({ root: { path: '/any' }, userns: 'host', seccomp: 'unconfined' }, nothing));
    expect(error.message).toBe(
      'user 1000 may not ask for this: root.path: found "/any"; allowed: no path at all; userns: found "host"; allowed: "auto"; ' +
        'seccomp: found "unconfined"; allowed: "default". The operator allows more by "allow" in niwad\'s configuration.',
    );
  });

  it('may run on any image of the store, which somebody with full power has brought', () => {
    const image = { name: 'a:latest', id: 'sha256:0', layers: ['/images/0'], env: {}, entrypoint: [], labels: {} };
    const found = { ...image, cmd: ['x'], user: null, cwd: null, stopSignal: null, namesGroup: false };
    expect(() =>
      requirePermission(
        parseSpec({ root: { image: 'a' } }, 'id', () => found),
        user,
        nothing,
      ),
    ).not.toThrow();
  });
});

describe('an exec', () => {
  const rlimits = { nofile: 100 };
  const exec = (asked: Partial<ExecInput>, fields: Partial<SpecInput> = {}, allowed = nothing, caller = user) => {
    const spec = specOf({ rlimits, ...fields });
    requireExecPermission(spec, parseExec({ args: ['ls'], ...asked }, spec), caller, allowed);
  };
  const pathsOf = (...args: Parameters<typeof exec>) =>
    refusal(() => exec(...args)).details.problems?.map(({ path }) => path);

  it.each<Partial<ExecInput>>([
    {},
    { user: 5, cwd: '/x', env: { A: '1' }, tty: true, stdin: true },
    { capabilities: { drop: ['ALL'], add: ['KILL'] } },
    { seccomp: 'default' },
    { rlimits: { nofile: 99, core: 0 } },
  ])('may be as its container, or stricter: %j', (asked) => {
    expect(() => exec(asked)).not.toThrow();
  });

  it.each<[Partial<ExecInput>, string]>([
    [{ capabilities: { add: ['SYS_PTRACE'] } }, 'capabilities.add'],
    [{ seccomp: 'unconfined' }, 'seccomp'],
    [{ seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } }, 'seccomp'],
    [{ rlimits: { nofile: 101 } }, 'rlimits.nofile'],
    [{ rlimits: { nofile: 'unlimited' } }, 'rlimits.nofile'],
    [{ rlimits: { rtprio: 1 } }, 'rlimits.rtprio'],
  ])('%j is looser, at %s: for root or with allow.privileged', (asked, path) => {
    expect(pathsOf(asked)).toEqual([path]);
    expect(() => exec(asked, {}, nothing, { uid: 0, gid: 0 })).not.toThrow();
    expect(() => exec(asked, {}, { ...nothing, privileged: true })).not.toThrow();
  });

  it('is refused in a container that the caller could not have made', () => {
    expect(pathsOf({}, { userns: 'host', root: { path: '/secret' } })).toEqual(['root.path', 'userns']);
    expect(() => exec({}, { userns: 'host' }, nothing, { uid: 0, gid: 0 })).not.toThrow();
  });
});

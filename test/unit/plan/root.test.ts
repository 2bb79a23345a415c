import { describe, expect, it } from 'vitest';
import { BUILT_IN } from '../../../src/plan/protected-files.js';
import { rootOps } from '../../../src/plan/root.js';
import { idMaps } from '../../../src/plan/userns.js';
import type { Root } from '../../../src/protocol/resolved-spec.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { specOf } from '../support.js';

/** In the host's user namespace. */
const opsOf = (fields: Partial<SpecInput> = {}) => rootOps(specOf({ userns: 'host', ...fields }), '/stage', null);
const textsOf = (fields: Partial<SpecInput> = {}) => opsOf(fields).map(({ text }) => text);

/** In a user namespace of its own. */
const mappedOps = (fields: Partial<SpecInput> = {}) => {
  const spec = specOf(fields);
  return rootOps(spec, '/stage', idMaps(spec, { start: 200_000, size: 65_536 }));
};
const mappedTexts = (fields: Partial<SpecInput> = {}) => mappedOps(fields).map(({ text }) => text);

describe('the root', () => {
  it('is cut off from the host before anything is mounted', () => {
    expect(textsOf()[0]).toBe('make all mounts private');
  });

  it("is an overlay on the host's own by default", () => {
    expect(textsOf().slice(1, 9)).toEqual([
      'mount tmpfs on /stage (mode=0755)',
      'mkdir /stage/upper 0755',
      'mkdir /stage/work 0755',
      'mkdir /stage/root 0755',
      'mkdir /stage/0 0755',
      'bind / on /stage/0 (ro)',
      'mount overlay on /stage/root (nodev, index=off, metacopy=off, lowerdir=0, upperdir=upper, workdir=work)',
      'take /stage/root as the root',
    ]);
  });

  it('bounds what is written to an overlay', () => {
    expect(textsOf({ root: { overlay: { size: '1M' } } })[1]).toBe('mount tmpfs on /stage (mode=0755, size=1048576)');
  });

  it('of an image has its working directory, made before anything is mounted over it', () => {
    const spec = specOf({ process: { args: ['x'], cwd: '/srv/../app/' }, mounts: [{ type: 'tmpfs', target: '/app' }] });
    const root = { ...spec.root, path: null, image: { name: 'i', id: 'sha256:0' } };
    const texts = (some: Partial<typeof spec>) => rootOps({ ...spec, ...some }, '/stage', null).map(({ text }) => text);
    const made = texts({ root });
    expect(made[made.indexOf('take /stage/root as the root') + 1]).toBe('mkdir /app 0755');
    expect(texts({})).not.toContain('mkdir /app 0755');
    expect(texts({ root, process: { ...spec.process, cwd: '/' } }).join()).not.toContain('mkdir / ');
  });

  it('is bound without an overlay', () => {
    expect(textsOf({ root: { path: '/srv' } }).slice(1, 3)).toEqual([
      'bind /srv on /stage (nodev)',
      'take /stage as the root',
    ]);
  });

  it('is built outside of the new root, everything else inside of it', () => {
    const ops = opsOf({ mounts: [{ type: 'bind', source: '/a', target: '/b' }] });
    const taken = ops.findIndex(({ name }) => name === 'root');
    const places = ops.map(({ name, numbers }) => (['mount', 'bind', 'mkdir'].includes(name) ? numbers[1] : undefined));
    expect(new Set(places.slice(0, taken))).toEqual(new Set([undefined, 0]));
    expect(new Set(places.slice(taken))).toEqual(new Set([undefined, 1]));
  });

  it('of a path is the lower directory of an overlay by way of a read-only bind, so that no path is part of an option', () => {
    const root = { path: '/a:b\\c,d', overlay: true };
    expect(textsOf({ root }).slice(1, 9)).toEqual([
      'mount tmpfs on /stage (mode=0755)',
      'mkdir /stage/upper 0755',
      'mkdir /stage/work 0755',
      'mkdir /stage/root 0755',
      'mkdir /stage/0 0755',
      'bind /a:b\\c,d on /stage/0 (ro)',
      'mount overlay on /stage/root (nodev, index=off, metacopy=off, lowerdir=0, upperdir=upper, workdir=work)',
      'take /stage/root as the root',
    ]);
  });

  it('is an overlay of all its layers, topmost first, to which nothing is written without an upper directory', () => {
    const spec = specOf({ userns: 'host', root: { path: '/srv' } });
    const texts = (root: Partial<Root>) =>
      rootOps({ ...spec, root: { ...spec.root, ...root } }, '/stage', null).map(({ text }) => text);
    expect(texts({ layers: ['/a', '/b'] }).slice(1, 9)).toEqual([
      'mount tmpfs on /stage (mode=0755)',
      'mkdir /stage/root 0755',
      'mkdir /stage/0 0755',
      'bind /a on /stage/0 (ro)',
      'mkdir /stage/1 0755',
      'bind /b on /stage/1 (ro)',
      'mount overlay on /stage/root (nodev, index=off, metacopy=off, lowerdir=0:1)',
      'take /stage/root as the root',
    ]);
    expect(texts({ layers: ['/a', '/b', '/c'], overlay: { sizeBytes: null, directory: null } })).toContain(
      'mount overlay on /stage/root (nodev, index=off, metacopy=off, lowerdir=0:1:2, upperdir=upper, workdir=work)',
    );
  });

  it('comes of an image, over which a tmpfs or a directory of the host takes the writes', () => {
    const texts = (root: NonNullable<SpecInput['root']>) =>
      mappedTexts({ root }).filter((text) => /image|overlay|kept|stage\/0|upper|stage /.test(text));
    expect(texts({ file: '/a.sqfs', overlay: false })).toEqual([
      'put the image on /stage (id-mapped)',
      'take /stage as the root',
    ]);
    expect(texts({ file: '/a.sqfs' })).toEqual([
      'mount tmpfs on /stage (mode=0755)',
      'mkdir /stage/upper 0755',
      'mkdir /stage/0 0755',
      'put the image on /stage/0 (id-mapped)',
      'mount overlay on /stage/root (nodev, index=off, metacopy=off, lowerdir=0, upperdir=upper, workdir=work)',
    ]);
    expect(texts({ path: '/srv', overlay: { directory: '/kept', size: 4096 } })).toEqual([
      'mount tmpfs on /stage (mode=0755)',
      'mkdir /stage/kept 0755',
      'bind /kept, with upper and work in it, on /stage/kept (id-mapped)',
      'mkdir /stage/0 0755',
      'bind /srv on /stage/0 (ro, id-mapped)',
      'mount overlay on /stage/root (nodev, index=off, metacopy=off, lowerdir=0, upperdir=kept/upper, workdir=kept/work)',
    ]);
  });

  it('is mounted over by a user of the container where that one keeps its ids on disk', () => {
    const maker = (overlay: true | { directory: string }) =>
      mappedOps({ root: { path: '/srv', overlay } })
        .find(({ name }) => name === 'overlay')
        ?.numbers.slice(1);
    expect(maker({ directory: '/kept' })).toEqual([200_000, 200_000]);
    expect(maker(true)).toEqual([0, 0]);
  });

  it('lets later mounts of the host in only for a volume that wants them', () => {
    const bind = { type: 'bind' as const, source: '/a', target: '/b' };
    const texts = textsOf({
      mounts: [
        { ...bind, propagation: 'rslave' },
        { ...bind, target: '/c' },
      ],
    });
    expect(texts[0]).toBe('let no mount out, but those of the host in');
    expect(texts).toContain('bind /a on /b (nosuid, nodev, rslave)');
    expect(texts).toContain('bind /a on /c (nosuid, nodev)');
  });

  it('is left by the last operation', () => {
    expect(opsOf().at(-1)?.name).toBe('pivot');
  });

  it('is made read-only after everything is mounted on it', () => {
    const fields: Partial<SpecInput> = {
      root: { path: '/srv', readonly: true },
      mounts: [{ type: 'tmpfs', target: '/tmp' }],
    };
    expect(textsOf(fields).slice(-2)).toEqual(['remount / (ro)', 'pivot_root into it and detach the host']);
    expect(textsOf({ root: { path: '/srv' } })).not.toContain('remount / (ro)');
  });

  it.each<[NonNullable<SpecInput['mounts']>[number], string]>([
    [{ type: 'bind', source: '/a', target: '/b' }, 'bind /a on /b (nosuid, nodev)'],
    [{ type: 'bind', source: '/a', target: '/b', readonly: true }, 'bind /a on /b (ro, nosuid, nodev)'],
    [{ type: 'tmpfs', target: '/t' }, 'mount tmpfs on /t (nosuid, nodev, mode=1777)'],
    [
      { type: 'tmpfs', target: '/t', size: '1K', readonly: true },
      'mount tmpfs on /t (ro, nosuid, nodev, mode=1777, size=1024)',
    ],
  ])('has the mount %j', (mount, text) => {
    expect(textsOf({ mounts: [mount] })).toContain(text);
  });

  it('has the mounts of the spec in their order, after /dev and before what is hidden', () => {
    const mounts = ['/b', '/a', '/dev/x'].map((target) => ({ type: 'tmpfs' as const, target }));
    const targets = opsOf({ mounts }).map(({ strings }) => strings[2] ?? strings[0]);
    const places = ['/dev/mqueue', '/b', '/a', '/dev/x', '/proc/kcore'].map((target) => targets.indexOf(target));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  it('hides what the kernel shows of the whole machine, and makes its switches read-only', () => {
    const texts = textsOf();
    for (const path of ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'])
      expect(texts).toContain(`hide ${path}`);
    for (const path of ['/proc/sys', '/proc/sysrq-trigger', '/proc/bus'])
      expect(texts).toContain(`make ${path} read-only`);
    expect(texts).toContain('mount proc on /proc (nosuid, nodev, noexec)');
    expect(texts).toContain('mount sysfs on /sys (ro, nosuid, nodev, noexec)');
  });

  it('leaves out what the kernel does not have and cannot get, but nothing that a module may bring', () => {
    const targets = (absent: readonly string[]) =>
      rootOps(specOf({ userns: 'host' }), '/stage', null, { absent })
        .filter(({ name }) => name === 'mask' || name === 'readonly')
        .flatMap(({ strings }) => strings);
    const all = targets([]);
    expect(targets(['/proc/kcore', '/proc/sysrq-trigger'])).toEqual(
      all.filter((path) => path !== '/proc/kcore' && path !== '/proc/sysrq-trigger'),
    );
    const left = targets(BUILT_IN);
    for (const path of ['/proc/asound', '/proc/config.gz', '/proc/scsi', '/sys/devices/virtual/powercap', '/proc/sys'])
      expect(left).toContain(path);
    expect(BUILT_IN.filter((path) => !all.includes(path))).toEqual([]);
  });

  it('has six devices and no others', () => {
    const devices = opsOf().filter(({ name }) => name === 'mknod');
    expect(devices.map(({ strings }) => strings[0])).toEqual([
      '/dev/null',
      '/dev/zero',
      '/dev/full',
      '/dev/random',
      '/dev/urandom',
      '/dev/tty',
    ]);
  });

  it.each([
    ['new', true],
    ['/proc/1/ns/cgroup', true],
    ['host', false],
  ])('with the cgroup namespace %s shows its own groups: %s', (cgroup, shown) => {
    const text = 'mount cgroup2 on /sys/fs/cgroup (ro, nosuid, nodev, noexec)';
    expect(textsOf({ namespaces: { cgroup } }).includes(text)).toBe(shown);
  });

  it.each(['host', '/proc/1/ns/mnt'])('is left alone in the mount namespace %s', (mount) => {
    expect(opsOf({ namespaces: { mount } })).toEqual([]);
  });
});

describe('the root in a user namespace', () => {
  const OWNED = 'uid=200000, gid=200000';
  const PRIVATE = [
    `mount tmpfs on /tmp (nosuid, nodev, mode=1777, size=10%, ${OWNED})`,
    `mount tmpfs on /var/tmp (nosuid, nodev, mode=1777, size=10%, ${OWNED})`,
    `mount tmpfs on /run (nosuid, nodev, mode=0755, size=10%, ${OWNED})`,
    `mount tmpfs on /root (nosuid, nodev, mode=0700, size=10%, ${OWNED})`,
  ];

  it('is id-mapped and built by its owner', () => {
    const ops = mappedOps({ root: { path: '/srv' } });
    expect(ops.slice(1, 3).map(({ text }) => text)).toEqual([
      'bind /srv on /stage (nodev, id-mapped)',
      'take /stage as the root',
    ]);
    expect(ops[2]?.numbers).toEqual([200_000, 200_000]);
  });

  it('is id-mapped below an overlay, whose own directories belong to the owner', () => {
    const ops = mappedOps({ root: { path: '/srv', overlay: true } });
    expect(ops.map(({ text }) => text)).toContain('bind /srv on /stage/0 (ro, id-mapped)');
    const owners = ops
      .filter(({ name, numbers }) => name === 'mkdir' && numbers[1] === 0)
      .map(({ strings, numbers }) => [strings[0], numbers[2], numbers[3]]);
    expect(owners).toEqual([
      ['/stage/upper', 200_000, 200_000],
      ['/stage/work', 200_000, 200_000],
      ['/stage/root', 200_000, 200_000],
      ['/stage/0', 0, 0],
    ]);
    expect(ops.find(({ name }) => name === 'root')?.numbers).toEqual([200_000, 200_000]);
  });

  it('writes to the host with the ids on disk of its caller, and reads with its own', () => {
    const run = (container: number, host: number) => [{ container, host, size: 1 }];
    const ops = (fields: Partial<SpecInput>) => {
      const spec = { ...specOf(fields), diskIds: { uids: run(33, 1000), gids: run(44, 100) } };
      return rootOps(spec, '/stage', idMaps(spec, { start: 200_000, size: 65_536 }));
    };
    const numbers = (fields: Partial<SpecInput>, name: string) =>
      ops(fields).find((op) => op.name === name && !op.strings[0]?.startsWith('/read'))?.numbers;
    const texts = (fields: Partial<SpecInput>) => ops(fields).map(({ text }) => text);
    const bind = (source: string, readonly: boolean) => ({ type: 'bind' as const, source, target: '/t', readonly });
    const mounts = texts({ mounts: [bind('/written', false), bind('/read', true)] });
    expect(mounts).toContain('bind /written on /t (nosuid, nodev, id-mapped by a map of its own)');
    expect(mounts).toContain('bind /read on /t (ro, nosuid, nodev, id-mapped)');

    expect(texts({ root: { path: '/srv' } })).toContain('bind /srv on /stage (nodev, id-mapped by a map of its own)');
    expect(numbers({ root: { path: '/srv' } }, 'root')).toEqual([200_033, 200_044]);
    expect(texts({ root: { path: '/srv', overlay: true } })).toContain('bind /srv on /stage/0 (ro, id-mapped)');

    const kept = { root: { path: '/srv', overlay: { directory: '/kept' } } };
    expect(texts(kept)).toContain('bind /srv on /stage/0 (ro, id-mapped)');
    expect(numbers(kept, 'upper')).toEqual([6, 1000, 100]);
    expect(numbers(kept, 'overlay')?.slice(1)).toEqual([200_033, 200_044]);
    expect(texts(kept)).toContain(
      'mount tmpfs on /dev (nosuid, noexec, mode=0755, size=65536, uid=200033, gid=200044)',
    );
  });

  it("that is the host's own is not id-mapped, belongs to the host's root, and has private places", () => {
    const ops = mappedOps();
    const texts = ops.map(({ text }) => text);
    expect(texts.filter((text) => text.includes('id-mapped'))).toEqual([]);
    expect(texts).toContain('bind / on /stage/0 (ro)');
    expect(texts).toEqual(expect.arrayContaining(PRIVATE));
    const built = ops.filter(({ name }) => name === 'mkdir' || name === 'root');
    expect(new Set(built.flatMap(({ name, numbers }) => numbers.slice(name === 'root' ? 0 : 2)))).toEqual(new Set([0]));
  });

  it("has private places below the mounts of the spec, and only where it is the host's own", () => {
    const texts = mappedTexts({ mounts: [{ type: 'tmpfs', target: '/tmp/mine' }] });
    expect(texts.indexOf(PRIVATE[0] ?? '')).toBeLessThan(
      texts.indexOf(`mount tmpfs on /tmp/mine (nosuid, nodev, mode=1777, ${OWNED})`),
    );
    for (const other of [mappedTexts({ root: { path: '/srv' } }), textsOf()])
      expect(other.filter((text) => /on \/(tmp|var\/tmp|run|root) /.test(text))).toEqual([]);
  });

  it.each([
    [{}, 'bind /a on /b (nosuid, nodev, id-mapped)'],
    [{ readonly: true }, 'bind /a on /b (ro, nosuid, nodev, id-mapped)'],
    [{ idmap: false }, 'bind /a on /b (nosuid, nodev)'],
  ])('has the bind mount with %j', (fields, text) => {
    expect(mappedTexts({ mounts: [{ type: 'bind', source: '/a', target: '/b', ...fields }] })).toContain(text);
  });

  it('gives each tmpfs but that of its stage to its root user', () => {
    const tmpfs = mappedOps({ mounts: [{ type: 'tmpfs', target: '/t', size: 4096 }] })
      .filter(({ strings, numbers }) => strings[0] === 'tmpfs' && numbers[1] === 1)
      .map(({ strings }) => [strings[2], strings.slice(-2)]);
    const owned = ['uid=200000', 'gid=200000'];
    expect(tmpfs.map(([target]) => target)).toEqual(['/dev', '/dev/shm', '/tmp', '/var/tmp', '/run', '/root', '/t']);
    expect(tmpfs.map(([, owner]) => owner)).toEqual(tmpfs.map(() => owned));
  });

  it('with maps of its own belongs to the host id of 0 in each, or to root where there is none', () => {
    const uids = [
      { container: 5, host: 7, size: 9 },
      { container: 0, host: 300_000, size: 5 },
    ];
    const spec = specOf({
      root: { path: '/srv' },
      process: { args: ['a'], user: '5:1' },
      userns: { uids, gids: [{ container: 1, host: 1, size: 1 }] },
    });
    const ops = rootOps(spec, '/stage', idMaps(spec, { start: 1, size: 1 }));
    expect(ops.find(({ name }) => name === 'root')?.numbers).toEqual([300_000, 0]);
    expect(ops.find(({ strings }) => strings[2] === '/dev')?.strings).toEqual(
      expect.arrayContaining(['uid=300000', 'gid=0']),
    );
  });

  it('binds the devices of the spec, which stay devices', () => {
    expect(mappedTexts({ devices: ['/dev/fuse'] })).toContain('bind /dev/fuse on /dev/fuse (nosuid, noexec)');
  });
});

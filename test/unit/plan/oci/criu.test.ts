import { describe, expect, it } from 'vitest';
import type { OciConfig } from '../../../../src/plan/oci/config.js';
import { type CriuWord, dumpWords, externalMounts, restoreWords } from '../../../../src/plan/oci/criu.js';

const HOST = `21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:5 / /dev rw - devtmpfs udev rw
23 21 0:20 / /sys rw - sysfs sysfs rw`;
const OWN = `90 80 8:1 /bundle/rootfs / rw - ext4 /dev/sda1 rw
91 90 0:60 / /proc rw - proc proc rw
92 90 0:61 / /dev rw - tmpfs tmpfs rw
93 90 0:20 / /sys ro - sysfs sysfs ro
94 90 8:1 /home/a\\040b /with\\040blank ro master:1 - ext4 /dev/sda1 rw
95 91 0:5 /null /proc/kcore rw - devtmpfs udev rw
96 91 0:60 /sys /proc/sys ro - proc proc rw`;
const SUBJECT = {
  ...{ pid: 7, startTicks: 5n, group: '/cg/x', groupInTree: '/x', groups: '0::/x\n' },
  ...{ mounts: OWN, hostMounts: HOST, network: '4026531840' },
};

const configOf = (change: Partial<OciConfig['linux']> = {}, terminal = false): OciConfig =>
  ({
    process: { terminal, user: { uid: 0, gid: 0 }, args: ['x'], cwd: '/' },
    root: { path: 'rootfs' },
    mounts: [
      { destination: '/proc', type: 'proc' },
      { destination: '/data/', type: 'bind', source: '/src' },
    ],
    linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }], maskedPaths: ['/proc/kcore'], ...change },
  }) as OciConfig;
const argsOf = (words: readonly CriuWord[]) => words.filter(([name]) => name === 'arg').map(([, value]) => value);

describe('externalMounts', () => {
  it('gives those that show a file system of the host, and none that shows a namespace', () => {
    expect(externalMounts(OWN, HOST)).toEqual(['/with blank', '/proc/kcore']);
  });

  it('refuses one inside another', () => {
    expect(() => externalMounts(`${OWN}\n97 94 8:1 /c /inner ro - ext4 /dev/sda1 rw`, HOST)).toThrow(
      '/inner: this mount is inside another one of the host',
    );
  });
});

describe('dumpWords', () => {
  it('freezes the group, and names what is of the host', () => {
    const words = dumpWords(configOf(), SUBJECT, ['leave-running']);
    expect(words.slice(0, 2)).toEqual([
      ['pid', '7'],
      ['start', '5'],
    ]);
    expect(argsOf(words)).toEqual([
      ...['dump', '--tree', '7', '-v4', '--freeze-cgroup', '/cg/x', '--manage-cgroups=soft'],
      ...['--cgroup-dump-controller', ''],
      ...['--external', 'mnt[/with blank]:/with blank', '--external', 'mnt[/proc/kcore]:/proc/kcore'],
      '--leave-running',
    ]);
  });

  it('refuses one whose first process is in a group below', () => {
    const divided = { ...SUBJECT, groups: '1:name=systemd:/x\n0::/x/init.scope\n' };
    expect(() => dumpWords(configOf(), divided, [])).toThrow('cgroup: a container whose first process is in a group');
  });

  it('leaves out a joined network namespace', () => {
    const config = configOf({ namespaces: [{ type: 'mount' }, { type: 'network', path: '/n' }] });
    expect(argsOf(dumpWords(config, SUBJECT, []))).toContain('net[4026531840]:extRootNetNS');
  });

  it.each([
    ['a terminal', configOf({}, true), 'process.terminal: a container with a terminal'],
    ['a namespace of others', configOf({ namespaces: [{ type: 'mount' }, { type: 'ipc', path: '/i' }] }), 'the ipc'],
    ['the mounts of others', configOf({ namespaces: [{ type: 'pid' }] }), 'without a new mount namespace'],
    [
      'a user namespace',
      configOf({
        namespaces: [{ type: 'mount' }, { type: 'user' }],
        uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
        gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }],
      }),
      'with a user namespace',
    ],
  ])('refuses %s by its name', (_, config, message) => {
    expect(() => dumpWords(config, SUBJECT, [])).toThrow(message);
  });
});

const PLACES = { sources: { root: '/b/rootfs', mounts: [undefined, '/src'] }, stage: '/run/stage', group: '/cg/y' };

it('restoreWords gives the place of the root, of the group, and of each bind', () => {
  const config = configOf({ namespaces: [{ type: 'mount' }, { type: 'network', path: '/n' }] });
  const words = restoreWords(config, PLACES, ['tcp-established']);
  expect(words.filter(([name]) => name !== 'arg')).toEqual([
    ['root', '/b/rootfs'],
    ['stage', '/run/stage'],
    ['join', 'extRootNetNS:/n'],
  ]);
  expect(argsOf(words)).toEqual([
    ...['restore', '--restore-detached', '--restore-sibling', '-v4', '--root', '/run/stage'],
    ...['--manage-cgroups=soft', '--cgroup-root', '/cg/y'],
    ...['--external', 'mnt[/data]:/src', '--external', 'mnt[/proc/kcore]:/dev/null', '--tcp-established'],
  ]);
});

it('restoreWords says that the root is read-only', () => {
  const config = { ...configOf(), root: { path: 'rootfs', readonly: true } };
  expect(restoreWords(config, PLACES, [])).toContainEqual(['readonly', 'true']);
  expect(restoreWords(configOf(), PLACES, []).map(([name]) => name)).not.toContain('readonly');
});

it.each([
  { options: ['bind', 'ridmap=uids=0-1000-1;gids=0-1000-1'] },
  { uidMappings: [{ containerID: 0, hostID: 1000, size: 1 }] },
  { gidMappings: [{ containerID: 0, hostID: 1000, size: 1 }] },
])('restoreWords refuses a mount with ids that are mapped: %j', (change) => {
  const { mounts = [], ...config } = configOf();
  const mapped = mounts.map((item) => (item.type === 'bind' ? { ...item, ...change } : item));
  expect(() => restoreWords({ ...config, mounts: mapped }, PLACES, [])).toThrow('mounts[1]: a container that maps');
});

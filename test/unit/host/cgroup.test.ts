import { describe, expect, it } from 'vitest';
import { findCgroup2Mount, findFilesystem, findV1Controllers } from '../../../src/host/cgroup.js';

const unified = `
22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
`;

const hybrid = `
28 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 22 0:25 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs ro,mode=755
32 31 0:26 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
33 31 0:27 / /sys/fs/cgroup/systemd rw,nosuid shared:10 - cgroup cgroup rw,xattr,name=systemd
36 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 master:3 - cgroup cgroup rw,cpu,cpuacct
37 31 0:32 / /sys/fs/cgroup/cpuset rw,nosuid shared:16 - cgroup cgroup rw,cpuset
38 31 0:33 / /sys/fs/cgroup/blkio rw,nosuid shared:17 - cgroup cgroup rw,blkio
39 31 0:34 / /sys/fs/cgroup/memory rw,nosuid shared:18 - cgroup cgroup rw,memory
`;

describe('the cgroup2 mount', () => {
  it.each<[string, string, string | undefined]>([
    ['a unified host', unified, '/sys/fs/cgroup'],
    ['a hybrid host', hybrid, '/sys/fs/cgroup/unified'],
    ['a host with v1 only', hybrid.replace(/^.*cgroup2.*\n/m, ''), undefined],
    ['no mounts', '', undefined],
    ['a path with a space', '31 22 0:26 / /mnt/my\\040groups\\134x rw - cgroup2 none rw\n', '/mnt/my groups\\x'],
    ['another source', '31 22 0:26 / /cg rw - cgroup2 cgroup rw\n', '/cg'],
    ['a part of the tree bound somewhere', '40 22 0:26 /niwa /mnt/part rw - cgroup2 cgroup2 rw\n', undefined],
    [
      'a part of the tree bound before the whole',
      `40 22 0:26 /niwa /mnt/part rw - cgroup2 cgroup2 rw\n${unified}`,
      '/sys/fs/cgroup',
    ],
    ['a path that says cgroup2', '31 22 0:26 / /cgroup2 rw - tmpfs cgroup2 rw\n', undefined],
  ])('of %s is found', (_, mountinfo, point) => {
    expect(findCgroup2Mount(mountinfo)).toBe(point);
  });
});

describe('the controllers that are bound to cgroup v1', () => {
  it('are named as v2 names them, each with its mount', () => {
    expect(findV1Controllers(hybrid)).toEqual({
      cpu: '/sys/fs/cgroup/cpu,cpuacct',
      memory: '/sys/fs/cgroup/memory',
      io: '/sys/fs/cgroup/blkio',
      cpuset: '/sys/fs/cgroup/cpuset',
    });
  });

  it('are none on a unified host', () => {
    expect(findV1Controllers(unified)).toEqual({});
  });

  it('are found at a path with a space', () => {
    expect(findV1Controllers('36 31 0:31 / /my\\040v1 rw - cgroup none rw,pids\n')).toEqual({ pids: '/my v1' });
  });
});

describe('the file system on a mount point', () => {
  it.each<[string, string, string | undefined]>([
    ['/', unified, 'ext4'],
    ['/sys/fs/cgroup', hybrid, 'tmpfs'],
    ['/nothing', unified, undefined],
    ['/', `1 1 0:1 / / rw - rootfs none rw\n${unified}`, 'ext4'],
  ])('%s is the last that was mounted there', (point, mountinfo, type) => {
    expect(findFilesystem(mountinfo, point)).toBe(type);
  });
});

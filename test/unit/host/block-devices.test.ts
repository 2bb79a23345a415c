import { describe, expect, it } from 'vitest';
import { mountOf } from '../../../src/host/block-devices.js';

const MOUNTINFO = `21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
22 21 0:5 / /dev rw - devtmpfs udev rw
30 21 8:16 / /srv rw shared:2 master:1 - xfs /dev/sdb rw
31 30 0:40 / /srv/a\\040b rw - btrfs /dev/mapper/data rw
32 21 8:32 / /srv rw - ext4 /dev/sdc rw
`;

describe('the mount of a path', () => {
  it.each([
    ['/images/a.img', { device: '254:0', source: '/dev/vda1' }],
    ['/srvs/a.img', { device: '254:0', source: '/dev/vda1' }],
    ['/srv/a b/x.img', { device: '0:40', source: '/dev/mapper/data' }],
    ['/srv/x.img', { device: '8:32', source: '/dev/sdc' }], // mounted over the other one
    ['/dev/shm', { device: '0:5', source: 'udev' }],
  ])('%s is the nearest, the later of two on one point', (path, mount) => {
    expect(mountOf(path, MOUNTINFO)).toEqual(mount);
  });

  it('is unknown where nothing is mounted', () => {
    expect(mountOf('/a', '')).toBeNull();
  });
});

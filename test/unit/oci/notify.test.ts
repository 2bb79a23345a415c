import { expect, it } from 'vitest';
import { withNotify } from '../../../src/oci/notify.js';
import type { OciConfig } from '../../../src/plan/oci/config.js';

it.each([
  ['/run/x/socket', '/run/x/socket'],
  ['@abstract', '/run/notify'],
  ['/', '/run/notify'],
  [`/${'a'.repeat(100)}`, '/run/notify'],
  ['/a/../b', '/run/notify'],
])(
  'the notify socket for %s comes last among the mounts, and in place of what the config says of it',
  (manager, place) => {
    const config = {
      process: { args: ['true'], cwd: '/', env: ['NOTIFY_SOCKET=/x', 'A=NOTIFY_SOCKET=y'] },
      mounts: [{ destination: '/run', type: 'tmpfs' }],
    } as unknown as OciConfig;
    const { process, mounts } = withNotify(config, '/r/containers/a/notify', manager);
    expect(process.env).toEqual(['A=NOTIFY_SOCKET=y', `NOTIFY_SOCKET=${place}/notify`]);
    expect(mounts).toEqual([
      { destination: '/run', type: 'tmpfs' },
      {
        destination: place,
        type: 'bind',
        source: '/r/containers/a/notify',
        options: ['bind', 'nosuid', 'nodev', 'noexec', 'ro'],
      },
    ]);
  },
);

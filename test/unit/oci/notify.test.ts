import { expect, it } from 'vitest';
import { withNotify } from '../../../src/oci/notify.js';
import type { OciConfig } from '../../../src/plan/oci/config.js';

it('the notify socket comes last among the mounts, and in place of what the config says of it', () => {
  const config = {
    process: { args: ['true'], cwd: '/', env: ['NOTIFY_SOCKET=/x', 'A=NOTIFY_SOCKET=y'] },
    mounts: [{ destination: '/run', type: 'tmpfs' }],
  } as unknown as OciConfig;
  const { process, mounts } = withNotify(config, '/r/containers/a/notify');
  expect(process.env).toEqual(['A=NOTIFY_SOCKET=y', 'NOTIFY_SOCKET=/run/notify/notify.sock']);
  expect(mounts).toEqual([
    { destination: '/run', type: 'tmpfs' },
    {
      destination: '/run/notify',
      type: 'bind',
      source: '/r/containers/a/notify',
      options: ['bind', 'nosuid', 'nodev', 'noexec', 'ro'],
    },
  ]);
});

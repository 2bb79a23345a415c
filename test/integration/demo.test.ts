import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { NiwaClient } from '../../src/client/client.js';
import { lookAtCgroupTree, removeGroup } from '../../src/host/cgroup.js';
import { startDaemon } from '../demo/main-job.mjs';

test('the daemon of the demo is its own, whatever the settings of the user are', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-demo-test-'));
  const cgroup = `niwa-demo-test-${process.pid}`;
  vi.stubEnv('NIWA_SOCKET', join(directory, 'elsewhere.sock'));
  vi.stubEnv('NIWA_CONFIG', join(directory, 'no-such.yaml'));
  const { daemon } = await startDaemon(directory, cgroup);
  const client = new NiwaClient(join(directory, 'run', 'niwad.sock'));
  try {
    expect(await client.health()).toEqual({ status: 'ok' });
  } finally {
    vi.unstubAllEnvs();
    client.close();
    daemon.kill('SIGTERM');
    await daemon;
    await removeGroup(lookAtCgroupTree(cgroup).base);
    rmSync(directory, { recursive: true });
  }
});

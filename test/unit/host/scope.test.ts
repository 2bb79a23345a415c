import { expect, onTestFinished, test, vi } from 'vitest';

test('a scope whose keeping process cannot be started is not made', async () => {
  vi.stubEnv('NIWA_NATIVE_DIR', '/no/such');
  vi.resetModules();
  onTestFinished(() => {
    vi.unstubAllEnvs();
    vi.resetModules();
  });
  const { makeScope } = await import('../../../src/host/scope.js');
  const made = makeScope({ unit: 'a.scope', slice: 'b.slice' }, [], 'id', '/sys/fs/cgroup/b.slice/a.scope/container');
  await expect(made).rejects.toMatchObject({
    code: 'HOST_ERROR',
    message: 'cannot make the scope a.scope: spawn /no/such/niwa-reach ENOENT',
  });
});

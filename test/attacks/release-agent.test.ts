// @module-tag vm
// Technique: release_agent and notify_on_release of cgroup v1 (CVE-2022-0492, and the escape from privileged
// containers): the kernel runs a program of the attacker's as root on the host.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { host, PATIENCE } from '../integration/support/host.js';
import { attack, unprotected } from './attack.js';
import { both, attack as ociAttack, test, withCapabilities, without } from './oci-attack.js';

/** A script that leaves a file where it runs; gives both paths. */
function agent(volume: string) {
  const script = join(volume, 'agent');
  const mark = join(volume, 'ran-on-the-host');
  writeFileSync(script, `#!/bin/sh\nid -u > ${mark}\n`, { mode: 0o755 });
  return { script, mark };
}

for (const seccomp of ['default', 'unconfined'] as const)
  test(`release_agent: a container sets none, seccomp ${seccomp}`, async ({ niwad, volume }) => {
    const { script, mark } = agent(volume);
    const results = await attack(niwad, 'release-agent', [script], { seccomp });
    expect(results).toMatchObject({ 'mount a controller': 'EPERM', 'mount cgroup v1': 'EPERM' });
    expect(results['agent in the group that it has']).toMatch(/^(EACCES|ENOENT)$/);
    expect(existsSync(mark)).toBe(false);
  });

test("release_agent, control: with SYS_ADMIN in the host's user namespace it runs on the host", async ({
  niwad,
  volume,
  skip,
}) => {
  skip(!host.inVm, 'only in the virtual machine: it makes a cgroup hierarchy and runs a program on the host');
  const { script, mark } = agent(volume);
  const spec = { ...unprotected('SYS_ADMIN'), namespaces: { cgroup: 'host' } } as const;
  const results = await attack(niwad, 'release-agent', [script], spec);
  expect(results).toMatchObject({ 'mount cgroup v1': 'worked', agent: 'worked', notify: 'worked' });
  await vi.waitFor(() => expect(existsSync(mark)).toBe(true), PATIENCE);
});

test('release_agent, control: with CAP_SYS_ADMIN, from a container of an engine, too', async ({
  oci,
  volume,
  skip,
}) => {
  skip(!host.inVm, 'only in the virtual machine: it makes a cgroup hierarchy and runs a program on the host');
  const { script, mark } = agent(volume);
  // the top of a hierarchy has the mode 555: who makes a group in it overrides modes
  const change = both(withCapabilities('CAP_SYS_ADMIN', 'CAP_DAC_OVERRIDE'), without('cgroup'));
  const results = await ociAttack(oci, 'release-agent', [script], change);
  expect(results).toMatchObject({ 'mount cgroup v1': 'worked', agent: 'worked', notify: 'worked' });
  await vi.waitFor(() => expect(existsSync(mark)).toBe(true), PATIENCE);
});

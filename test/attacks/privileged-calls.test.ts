// @module-tag vm
// Technique: system calls that act on the whole machine: reboot, kexec, clocks, swap, accounting, ports, the log.
import { expect } from 'vitest';
import { attack, attackOnHost, test } from './attack.js';

test('privileged calls: a container is refused every one', async ({ niwad }) => {
  const results = await attack(niwad, 'privileged-calls');
  expect(new Set(Object.values(results))).toEqual(new Set(['EPERM']));
});

test('privileged calls: also without the filter, where its capabilities decide', async ({ niwad }) => {
  const results = await attack(niwad, 'privileged-calls', [], { seccomp: 'unconfined' });
  for (const name of ['reboot', 'swapon', 'acct', 'sethostname', 'syslog'])
    expect(results).toMatchObject({ [name]: 'EPERM' });
  expect(Object.values(results)).not.toContain('worked');
});

test("privileged calls, control: the kernel looks at the arguments of the host's root", async () => {
  expect(await attackOnHost('privileged-calls')).toMatchObject({
    reboot: 'EINVAL',
    swapon: 'ENOENT',
    acct: 'ENOENT',
    clock_settime: 'EINVAL',
    sethostname: 'EINVAL',
    syslog: 'worked',
  });
});

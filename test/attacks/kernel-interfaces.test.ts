// @module-tag vm
// Techniques: bpf (CVE-2021-3490), perf_event_open (CVE-2023-5717), io_uring (CVE-2022-29582), userfaultfd, which makes
// races in the kernel winnable (CVE-2021-22555).
import { expect } from 'vitest';
import { attack, attackOnHost, test } from './attack.js';

test('bpf, perf, io_uring, userfaultfd: a container opens none of them', async ({ niwad }) => {
  expect(await attack(niwad, 'kernel-interfaces')).toEqual({
    bpf: 'EPERM',
    perf_event_open: 'EPERM',
    io_uring_setup: 'EPERM',
    userfaultfd: 'EPERM',
  });
});

test("bpf, perf, io_uring, userfaultfd, control: the host's root opens what its kernel has", async () => {
  const results = Object.values(await attackOnHost('kernel-interfaces'));
  expect(results).toContain('worked');
  expect(results).not.toContain('EPERM');
});

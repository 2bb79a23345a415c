// @module-tag vm
// Technique: settings of the whole machine through /proc and /sys: core_pattern, modprobe, uevent_helper, binfmt_misc,
// sysrq-trigger. Each try writes what is there already. And what they tell of the whole machine.
import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { expect } from 'vitest';
import { host } from '../integration/support/host.js';
import { attack, attackOnHost, test, unprotected } from './attack.js';

const SETTINGS = [
  '/proc/sys/kernel/core_pattern',
  '/proc/sys/kernel/modprobe',
  '/proc/sys/kernel/sysrq',
  '/proc/sys/kernel/ns_last_pid',
  '/proc/sys/vm/overcommit_memory',
  '/proc/sys/fs/file-max',
  '/proc/irq/default_smp_affinity',
  '/sys/kernel/uevent_helper',
  '/sys/kernel/mm/transparent_hugepage/enabled',
].filter(existsSync);
const CORE_PATTERN = '/proc/sys/kernel/core_pattern';
const core = existsSync(CORE_PATTERN) ? readFileSync(CORE_PATTERN, 'utf8') : '';
const writes = SETTINGS.flatMap((path) => [path, readFileSync(path, 'utf8') || '\n']);
const TRIGGER = ['/proc/sysrq-trigger', 'h']; // prints a help text to the kernel's log

for (const userns of ['auto', 'host'] as const)
  test(`/proc/sys writes: a container changes no setting of the machine, userns ${userns}`, async ({ niwad }) => {
    const results = await attack(niwad, 'write-file', [...writes, ...TRIGGER], { userns });
    expect(Object.keys(results)).toEqual(expect.arrayContaining(SETTINGS));
    for (const result of Object.values(results)) expect(['EROFS', 'EACCES', 'EPERM', 'ENOENT']).toContain(result);
  });

test('/proc/sys writes: they cannot be made writable again', async ({ niwad }) => {
  const args = ['/proc/sys', CORE_PATTERN, core];
  expect(await attack(niwad, 'remount-and-write', args)).toEqual({ remount: 'EPERM', write: 'EACCES' });
  const spec = { userns: 'host' } as const;
  expect(await attack(niwad, 'remount-and-write', args, spec)).toEqual({ remount: 'EPERM', write: 'EROFS' });
});

test("/proc/sys writes, control: with SYS_ADMIN in the host's user namespace they can", async ({ niwad }) => {
  const args = ['/proc/sys', CORE_PATTERN, core];
  const spec = unprotected('SYS_ADMIN');
  expect(await attack(niwad, 'remount-and-write', args, spec)).toEqual({ remount: 'worked', write: 'worked' });
});

test('sysrq-trigger, control: with SYS_ADMIN it reaches the kernel', async ({ niwad, skip }) => {
  skip(!host.inVm, 'only in the virtual machine: it acts on the kernel of this machine');
  const spec = unprotected('SYS_ADMIN');
  const results = await attack(niwad, 'remount-and-write', ['/proc/sysrq-trigger', ...TRIGGER], spec);
  expect(results).toEqual({ remount: 'worked', write: 'worked' });
  expect((await execa('dmesg')).stdout).toContain('sysrq: HELP');
});

test("/proc/sys writes, control: the host's root writes them", async () => {
  expect(await attackOnHost('write-file', [CORE_PATTERN, core])).toEqual({ [CORE_PATTERN]: 'worked' });
});

const TELLTALES = [
  '/proc/config.gz',
  '/proc/interrupts',
  '/proc/key-users',
  '/proc/keys',
  '/proc/timer_list',
  '/sys/kernel/vmcoreinfo',
].filter(existsSync);

test('/proc of the whole machine: a container reads nothing from it', async ({ niwad }) => {
  expect(TELLTALES).toContain('/proc/interrupts');
  expect(await niwad.sh(`cat ${TELLTALES.join(' ')} 2>&1 | wc -c`)).toBe('0');
});

test('/proc of the whole machine, control: the host reads it', () => {
  expect(readFileSync('/proc/interrupts').length).toBeGreaterThan(0);
});

const TRIGGERS = ['/proc/pressure/cpu', 'some 500000 2000000\n'];

test('triggers in /proc/pressure: a container makes none', async ({ niwad, skip }) => {
  skip(!existsSync('/proc/pressure/cpu'), 'this kernel counts no pressure');
  const results = await attack(niwad, 'write-file', TRIGGERS, { userns: 'host' });
  expect(results).toEqual({ '/proc/pressure/cpu': 'EROFS' });
  expect(await niwad.sh('head -c 4 /proc/pressure/cpu')).toBe('some');
});

test('triggers in /proc/pressure, control: where /proc is as the kernel gives it, they are made', async ({ skip }) => {
  skip(!existsSync('/proc/pressure/cpu'), 'this kernel counts no pressure');
  expect(await attackOnHost('write-file', TRIGGERS)).toEqual({ '/proc/pressure/cpu': 'worked' });
});

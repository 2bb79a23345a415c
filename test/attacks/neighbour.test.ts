// @module-tag vm
// Technique: signals, ptrace and /proc/PID of a process in another container, also with its PID and network namespaces.
import { expect } from 'vitest';
import type { ContainerStatus } from '../../src/client/index.js';
import type { Niwad } from '../integration/support/niwad.js';
import { attack, test, unprotected } from './attack.js';

const sleeper = { args: ['sleep', '1000'] };
const WAYS = [
  'kill',
  'pidfd_send_signal',
  'process_vm_readv',
  'open mem',
  'open root',
  'open environ',
  'prlimit',
  'ptrace',
];

/** What shares the namespaces of another container. */
function beside({ pid }: ContainerStatus) {
  return { namespaces: { pid: `/proc/${pid}/ns/pid`, network: `/proc/${pid}/ns/net` } };
}

async function expectUnharmed(niwad: Niwad, { id, pid }: ContainerStatus): Promise<void> {
  expect(await niwad.client.inspect(id)).toMatchObject({ state: 'running', pid });
  await niwad.client.remove(id, { force: true });
}

test('signals and ptrace across containers: the neighbour is not there', async ({ niwad }) => {
  const victim = await niwad.start({ process: sleeper });
  const results = await attack(niwad, 'neighbour', [String(victim.pid)]);
  expect(results).toMatchObject({ kill: 'ESRCH', ptrace: 'ESRCH', 'open mem': 'ENOENT' });
  expect(Object.values(results)).not.toContain('worked');
  await expectUnharmed(niwad, victim);
});

test('signals and ptrace across containers: one that can be seen cannot be touched', async ({ niwad }) => {
  const victim = await niwad.start({ process: sleeper });
  const spec = { seccomp: 'unconfined', capabilities: { add: ['SYS_PTRACE', 'KILL'] } } as const;
  for (const more of [{}, spec]) {
    const results = await attack(niwad, 'neighbour', ['1'], { ...beside(victim), ...more });
    expect(results).toMatchObject({ kill: 'EPERM', ptrace: 'EPERM', process_vm_readv: 'EPERM' });
    expect(Object.values(results)).not.toContain('worked');
  }
  await expectUnharmed(niwad, victim);
});

test("signals and ptrace across containers, control: in the host's user namespace they work", async ({ niwad }) => {
  const victim = await niwad.start({ process: sleeper, userns: 'host' });
  const results = await attack(niwad, 'neighbour', ['1'], { ...unprotected('SYS_PTRACE'), ...beside(victim) });
  for (const way of WAYS.filter((name) => name !== 'process_vm_readv'))
    expect(results).toMatchObject({ [way]: 'worked' });
  await expectUnharmed(niwad, victim);
});

// What a container's process gets of niwad's descriptors: three standard streams, however many niwad has open.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { execa } from 'execa';
import { expect, vi } from 'vitest';
import { needsFile, PATIENCE } from './support/host.js';
import type { Niwad } from './support/niwad.js';
import { test } from './support/test.js';

const sleeper = { args: ['sleep', '1000'] };
const MANY = 1000;
const AT_ONCE = 16;

const descriptorsOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).map(Number);

/** What the descriptors of a process lead to, by their numbers. */
const linksOf = (pid: number) =>
  Object.fromEntries(descriptorsOf(pid).map((fd) => [fd, readlinkSync(`/proc/${pid}/fd/${fd}`)]));

/** The connections of clients, and the socket that listens for them. */
const connectionsTo = (path: string) =>
  readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(` ${path}`))
    .map((line) => `socket:[${line.split(/\s+/)[6]}]`);

/** What niwad has open, but network namespaces, which it makes ahead, and connections of clients: both come and go. */
function heldBy({ pid, socket }: Niwad): string[] {
  const before = connectionsTo(socket);
  const links = Object.values(linksOf(pid));
  const passing = [...before, ...connectionsTo(socket)];
  return links.filter((link) => !link.startsWith('net:') && !passing.includes(link)).sort();
}

/** For how many descriptors the kernel has made room in the table of a process. */
const roomOf = (pid: number) => Number(/^FDSize:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** Waits until a process has exactly these open: its dynamic loader has libc open for a moment after the exec. */
const expectLinks = (pid: number | null, links: unknown) =>
  vi.waitFor(() => expect(linksOf(pid ?? 0)).toEqual(links), PATIENCE);

/** The standard streams of a container without an input. */
const streamsOf = (id: string) => ({
  0: '/dev/null',
  1: expect.stringMatching(new RegExp(`/${id}/stdout$`)),
  2: expect.stringMatching(new RegExp(`/${id}/stderr$`)),
});

test('with many descriptors open in niwad, a workload has three, and a small table', async ({ niwad }) => {
  while (descriptorsOf(niwad.pid).length < MANY)
    await Promise.all(Array.from({ length: AT_ONCE }, () => niwad.start({ process: sleeper })));
  const { id, pid } = await niwad.start({ process: sleeper });
  await expectLinks(pid, streamsOf(id));
  expect(roomOf(pid ?? 0)).toBeLessThanOrEqual(256);
});

test('a helper that waits has its streams, its control socket, and descriptors of its own root', async ({ niwad }) => {
  const { id, pid } = await niwad.client.create({ process: sleeper, userns: 'auto' });
  const { 3: control, 4: userns, ...rest } = linksOf(pid ?? 0);
  expect(control).toMatch(/^socket:/);
  expect(userns).toMatch(/^user:/);
  const { 0: input, 1: output, 2: errors, ...kept } = rest;
  expect({ 0: input, 1: output, 2: errors }).toEqual(streamsOf(id));
  for (const link of Object.values(kept)) expect(['/', '/proc', '/sys']).toContain(link);
  expect(roomOf(pid ?? 0)).toBeLessThanOrEqual(256);
});

test('of containers that start at once, each has its own streams', async ({ niwad }) => {
  for (let round = 0; round < 4; round++) {
    const started = await Promise.all(Array.from({ length: AT_ONCE }, () => niwad.start({ process: sleeper })));
    for (const { id, pid } of started) await expectLinks(pid, streamsOf(id));
  }
});

test('an exec has three descriptors, and a small table', async ({ niwad }) => {
  const { id } = await niwad.start({ process: sleeper });
  const script = 'ls -l /proc/$$/fd; grep FDSize /proc/$$/status; true';
  const { stdout } = await niwad.cli('exec', id, 'sh', '-c', script);
  expect(stdout.match(/ \d+ -> /g)).toHaveLength(3);
  expect(Number(/FDSize:\s+(\d+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(256);
});

/** Runs `act` while the children of a process fail in a system call, as strace says: CALL:error=ERRNO and so on. */
async function withFault(pid: number, fault: string, act: () => Promise<void>): Promise<void> {
  const strace = execa('strace', ['-f', '-o', '/dev/null', '-e', `inject=${fault}`, '-p', String(pid)], {
    reject: false,
    timeout: 30_000,
  });
  try {
    const traced = () => readFileSync(`/proc/${pid}/status`, 'utf8').includes(`TracerPid:\t${strace.pid}\n`);
    await vi.waitFor(() => expect(traced()).toBe(true), PATIENCE);
    await act();
  } finally {
    strace.kill();
    await strace;
  }
}

/** The calls of the child between the clone and its helper: the first leaves niwad's table, the last is the exec. */
const faults = ['close_range:error=ENOMEM:when=1', 'close_range:error=EIO:when=2', 'execveat:error=EIO'];

test.for(faults)('a child that fails (%s) takes nothing from niwad', async (fault, { niwad, skip }) => {
  needsFile(skip, '/usr/bin/strace', 'it makes system calls fail');
  const { id } = await niwad.client.create({ process: sleeper });
  const before = heldBy(niwad);
  const groups = niwad.groups();
  await withFault(niwad.pid, fault, async () => {
    const step = { operation: 'clone3', errno: /E[A-Z]+/.exec(fault)?.[0] };
    for (let i = 0; i < 3; i++)
      await expect(niwad.start({ process: sleeper })).rejects.toMatchObject({
        code: 'START_FAILED',
        details: { step },
      });
  });
  await vi.waitFor(() => expect(heldBy(niwad)).toEqual(before), PATIENCE);
  expect(niwad.groups()).toEqual(groups);
  const started = await Promise.all([niwad.client.start(id), niwad.start({ process: sleeper })]);
  for (const { id: one, pid } of started) await expectLinks(pid, streamsOf(one));
});

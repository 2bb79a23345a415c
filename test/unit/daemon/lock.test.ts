import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { listensAt, lockHolders } from '../../../src/daemon/lock.js';

const LOCKS = `1: FLOCK  ADVISORY  WRITE 4242 00:1a:1234 0 EOF
1: -> FLOCK  ADVISORY  WRITE 4243 00:1a:1234 0 EOF
2: POSIX  ADVISORY  WRITE 4244 00:1a:1234 0 EOF
3: FLOCK  ADVISORY  READ  4245 fe:01:1234 0 EOF
4: FLOCK  ADVISORY  WRITE 4246 00:1a:12345 0 EOF
5: OFDLCK ADVISORY  READ  -1 00:06:1234 0 0
`;

it('finds who holds flock on a file, and neither who waits for it nor other locks', () => {
  expect(lockHolders(LOCKS, 1234)).toEqual([4242, 4245]);
  expect(lockHolders('', 1234)).toEqual([]);
});

it('takes no process for the listener of a socket that does not have it, and none that has closed it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'niwad.sock');
  const server = createServer().listen(path);
  const stranger = spawn('sleep', ['1000']);
  onTestFinished(() => void stranger.kill('SIGKILL'));
  await once(server, 'listening');
  const pid = stranger.pid ?? 0;
  expect([listensAt(process.pid, path), listensAt(pid, path)]).toEqual([true, false]);
  expect(listensAt(process.pid, join(directory, 'other.sock'))).toBe(false);
  server.close();
  await once(server, 'close');
  expect(listensAt(process.pid, path)).toBe(false);
  stranger.kill('SIGKILL');
  await once(stranger, 'exit');
  expect(listensAt(pid, path)).toBe(false);
});

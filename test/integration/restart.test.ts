import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, onTestFinished, test, vi } from 'vitest';
import { NiwaClient } from '../../src/client/client.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { needsFile, PATIENCE } from './support/host.js';
import { keeperOf } from './support/niwad.js';

/** What clients see of a restart of niwad without a service manager. */

const sleeper = { args: ['sleep', '1000'] };

cleanUpDaemons();

/** Asks again and again until told to stop. */
function askOn(ask: () => Promise<unknown>) {
  const failures: unknown[] = [];
  let asked = 0;
  let going = true;
  const done = (async () => {
    for (; going; asked++) {
      await ask().catch((error: unknown) => failures.push(error));
      await sleep(5);
    }
  })();
  return {
    /** Waits until it has been asked, and answered, so many more times. */
    more: async (times: number) => {
      const wanted = asked + times;
      await vi.waitFor(() => expect(asked).toBeGreaterThanOrEqual(wanted), PATIENCE);
    },
    /** Gives what failed. */
    stop: async () => {
      going = false;
      await done;
      return failures;
    },
  };
}

test('a restart refuses nobody while there are containers: whoever asks waits for the next niwad', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'lives', process: sleeper });
  const kept = new NiwaClient(first.socket);
  const afresh = async () => {
    const client = new NiwaClient(first.socket);
    await client.inspect('lives').finally(() => client.close());
  };
  const creates = async () => {
    const { id } = await kept.create({ process: { args: ['true'] } }, { start: true });
    await kept.wait(id);
    await kept.remove(id);
  };
  const loops = [askOn(afresh), askOn(() => kept.inspect('lives')), askOn(creates)];
  const asked = () => Promise.all(loops.map(({ more }) => more(2)));
  await asked();
  await first.stop('SIGTERM');
  await sleep(300);
  const second = await startDaemon(place);
  await asked();
  await second.stop('SIGTERM');
  const third = await startDaemon(place);
  await asked();
  const failures = await Promise.all(loops.map(({ stop }) => stop()));
  kept.close();
  expect(failures).toEqual([[], [], []]);
  await third.client.remove('lives', { force: true });
  expect(await third.stop()).toBe(0);
  expect(existsSync(third.socket)).toBe(false);
});

/** The sockets of a process, by their inodes. */
function socketsOf(pid: number): string[] {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return links.flatMap((link) => /^socket:\[([0-9]+)\]$/.exec(link)?.[1] ?? []);
}

/** The inode of the socket that listens at a path. */
function listeningAt(path: string): string | undefined {
  const lines = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/ +/));
  return lines.find(([, , , flags, , , , bound]) => flags === '00010000' && bound === path)?.[6];
}

test('whoever connects after a crash is answered by the next niwad, also where the keeper is another', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'lives', process: sleeper });
  const keeper = keeperOf(place) ?? 0;
  process.kill(keeper, 'SIGKILL');
  await vi.waitFor(() => expect([undefined, keeper]).not.toContain(keeperOf(place)), PATIENCE);
  await vi.waitFor(() => expect(socketsOf(keeperOf(place) ?? 0)).toContain(listeningAt(first.socket)), PATIENCE);
  await first.stop('SIGKILL');
  const client = new NiwaClient(first.socket);
  const answer = client.inspect('lives');
  expect(await Promise.race([answer, sleep(200, 'waits')])).toBe('waits');
  await startDaemon(place);
  expect(await answer).toMatchObject({ state: 'running' });
  client.close();
});

test('without containers nobody waits for a niwad that was stopped', async () => {
  const niwad = await startDaemon(newPlace());
  await niwad.client.health();
  expect(await niwad.stop()).toBe(0);
  const error = await new Promise((resolve) => connect(niwad.socket).once('error', resolve).once('connect', resolve));
  expect(error).toMatchObject({ code: 'ENOENT' });
});

/** Makes a process with a pid of our choice, see set_tid in clone(2). */
const WITH_PID = `
  my $tid = pack 'l', $ARGV[0];
  my $args = pack 'Q11', 0, 0, 0, 0, 17, 0, 0, 0, unpack('Q', pack 'P', $tid), 1, 0;
  my $pid = syscall 435, $args, 88;
  close(STDOUT), exec 'sleep', '1000' if $pid == 0;
  print $pid > 0 ? "made\\n" : "$!\\n";`;

test('a niwad starts after a crash also where the pid of the one before is in use again', async ({ skip }) => {
  const perl = needsFile(skip, '/usr/bin/perl', 'Node.js has no clone3');
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'lives', process: sleeper });
  await first.stop('SIGKILL');
  const { stdout } = await execa(perl, ['-e', WITH_PID, String(first.pid)], { stdin: 'ignore', stderr: 'ignore' });
  expect(stdout).toBe('made');
  onTestFinished(() => void process.kill(first.pid, 'SIGKILL'));
  const next = await startDaemon(place);
  expect(await next.client.inspect('lives')).toMatchObject({ state: 'running' });
});

import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { expect, test as plain, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { SLOWNESS } from './support/host.js';
import { NIWA, type Niwad } from './support/niwad.js';
import { collect, says } from './support/session.js';
import { test } from './support/test.js';

/** The standard input of containers. */

const PATIENCE = { timeout: 10_000 * SLOWNESS, interval: 20 };
const MEGABYTES = 128;
const reader = (args: string[]) => ({ process: { args, stdin: true } });

cleanUpDaemons();

/** Runs niwa with this text as its standard input. */
function feed({ socket }: Niwad, input: string, ...args: string[]) {
  return execa(NIWA, args, { env: { NIWA_SOCKET: socket }, input, reject: false });
}

/** Runs a line of shell with `niwa`. */
function pipeline({ socket }: Niwad, script: string) {
  return execa('sh', ['-c', script], { env: { NIWA_SOCKET: socket }, reject: false });
}

function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

test('run -i passes a pipe on, with its end, and ends as the program', async ({ niwad }) => {
  const wc = await feed(niwad, 'one\ntwo words\n', 'run', '-i', '--rm', '--', 'wc');
  expect([wc.exitCode, wc.stdout.trim().split(/\s+/), wc.stderr]).toEqual([0, ['2', '3', '14'], '']);
  const exit = await feed(niwad, '', 'run', '-i', '--', 'sh', '-c', 'cat; echo at the end; exit 9');
  expect([exit.exitCode, exit.stdout]).toEqual([9, 'at the end']);
});

test.for([
  ['', []],
  ['with an init', ['--init']],
])('a program that reads no further does not hold niwa up %s', async ([, flags], { niwad }) => {
  const script = `head -c 1000000000 /dev/zero | ${NIWA} run -i ${(flags as string[]).join(' ')} -- sh -c`;
  const ends = await pipeline(niwad, `${script} 'head -c 5 | wc -c; exit 3'`);
  expect([ends.exitCode, ends.stdout]).toEqual([3, '5']);
  const goesOn = await pipeline(niwad, `${script} 'exec < /dev/null; sleep 0.5; exit 4'`);
  expect(goesOn.exitCode).toBe(4);
});

test('a large input arrives whole, and niwad does not grow by it', async ({ niwad }) => {
  const before = residentBytes(niwad.pid);
  let most = before;
  const looks = setInterval(() => {
    most = Math.max(most, residentBytes(niwad.pid));
  }, 50);
  const script = `head -c ${MEGABYTES << 20} /dev/zero | ${NIWA} run -i -- wc -c`;
  const { stdout } = await pipeline(niwad, script);
  clearInterval(looks);
  expect(Number(stdout)).toBe(MEGABYTES << 20);
  console.log(`niwad grew by ${(most - before) >> 20} MiB`);
  expect(most - before).toBeLessThan(64 << 20);
}, 60_000);

test('a workload that never reads holds up its client alone', async ({ niwad }) => {
  const { id } = await niwad.start(reader(['sleep', '1000']));
  const session = await niwad.client.attach(id);
  const before = residentBytes(niwad.pid);
  let taken = 0;
  const writes = (async () => {
    while (await session.write(Buffer.alloc(1 << 16))) taken += 1 << 16;
  })();
  await vi.waitFor(async () => {
    const now = taken;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(taken).toBe(now);
  }, PATIENCE);
  expect(taken).toBeLessThan(8 << 20);
  expect(await niwad.client.health()).toMatchObject({ status: 'ok' });
  expect(residentBytes(niwad.pid) - before).toBeLessThan(16 << 20);
  session.close();
  await writes;
});

test('the input belongs to the first client that attaches, until it leaves', async ({ niwad }) => {
  const { id } = await niwad.start(reader(['sh', '-c', 'cat; echo over; sleep 1000']));
  const onlooker = await niwad.client.attach(id, { stdin: false });
  onlooker.close();
  const first = await niwad.client.attach(id);
  const second = await niwad.client.attach(id);
  await second.write(Buffer.from('from the second\n'));
  await first.write(Buffer.from('from the first\n'));
  const output = first.output();
  await says(output, 'from the first\n');
  first.close();
  expect(await says(second.output(), 'over\n')).toBe('from the first\nover\n');
  second.close();
});

test('run -di waits for the client that attaches', async ({ niwad }) => {
  const { stdout: id } = await niwad.cli('run', '-di', '--', 'tr', 'a-z', 'A-Z');
  const { stdout, exitCode } = await feed(niwad, 'quiet', 'attach', id);
  expect([stdout, exitCode]).toEqual(['QUIET', 0]);
});

test('without -i the program reads the end at once', async ({ niwad }) => {
  const { stdout, exitCode } = await feed(niwad, 'unheard', 'run', '--', 'cat');
  expect([stdout, exitCode]).toEqual(['', 0]);
});

test('the workload may open its standard input again, as its user', async ({ niwad }) => {
  const { stdout, stderr } = await feed(
    niwad,
    'again\n',
    ...['run', '-i', '--user', '1000', '--', 'sh', '-c', 'head -n 1 < /dev/stdin'],
  );
  expect([stdout, stderr]).toEqual(['again', '']);
});

test('a spec with a terminal has no other standard input', async ({ niwad }) => {
  const created = niwad.client.create({ process: { args: ['cat'], tty: true, stdin: true } });
  await expect(created).rejects.toMatchObject({
    code: 'SPEC_INVALID',
    message: expect.stringContaining('process.stdin'),
  });
});

plain('an input that nobody has taken is held open while niwad is dead', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'waits', ...reader(['cat']) });
  await first.client.create({ id: 'created', ...reader(['cat']) });
  await first.stop('SIGKILL');
  const second = await startDaemon(place);
  await second.client.start('created');
  for (const id of ['waits', 'created']) {
    expect((await second.client.inspect(id)).state).toBe('running');
    const session = await second.client.attach(id);
    await session.write(Buffer.from(`to ${id}`));
    session.endInput();
    const { stdout, exit } = await collect(session);
    expect([stdout.toString(), exit.code]).toEqual([`to ${id}`, 0]);
  }
});

plain('an input that a client has taken ends when niwad dies', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'taken', ...reader(['sh', '-c', 'cat; echo over; exit 5']) });
  const session = await first.client.attach('taken');
  await session.write(Buffer.from('said\n'));
  await says(session.output(), 'said\n');
  await first.stop('SIGKILL');
  const second = await startDaemon(place);
  expect(await second.client.wait('taken')).toMatchObject({ code: 5 });
  expect((await second.output('taken')).stdout).toBe('said\nover\n');
});

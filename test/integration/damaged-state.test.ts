import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { needsFile, PATIENCE } from './support/host.js';
import { damageLines, segmentsOf } from './support/journal.js';
import { flagsOf, isAlive, keeperOf, Niwad, type Place } from './support/niwad.js';

/**
 * State that cannot be read, or is not whole: no container that runs is ended, none goes unbilled, and niwad starts.
 */

const shell = (script: string) => ({ args: ['sh', '-c', script] });
/** Uses some processor time first, for the bill. */
const BUSY = shell('i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo ready; sleep 1000');

cleanUpDaemons();

/** What becomes of the lines in the journal, by the id of their container. */
const DAMAGES: Record<string, (line: string) => string | null> = {
  empty: (line) => `${' '.repeat(line.length - 1)}\n`,
  'cut-short': (line) => `${line.slice(0, 100)}\n`,
  'no-fields': (line) => line.replace(/,"(state|change)":.*/, '}'),
  'bad-number': (line) => line.replace('"startedNs":"', '"startedNs":"soon'),
  'bad-change': (line) => (line.includes('"change":') ? line.replace('"phase"', '"phasf"') : line),
  'bad-spec': (line) => line.replace('"args"', '"arks"'),
  missing: () => null,
};
const HURT = Object.keys(DAMAGES);
/** Those whose lines still say whose they are. */
const OWNED = ['bad-number', 'bad-change', 'bad-spec'];
/** Those whose lines do not even say that they are theirs. */
const UNKNOWN = ['empty', 'no-fields', 'missing'];

function damageAll(place: Place): void {
  for (const [id, damage] of Object.entries(DAMAGES)) damageLines(place, id, damage);
}

function errorsOf({ log }: Niwad): string[] {
  return log.split('\n').filter((line) => line.includes('"level":"error"'));
}

test.for([true, false])(
  'states that are not whole end no container and no bill, with a keeper: %s',
  async (withKeeper) => {
    const place = newPlace();
    const first = await startDaemon(place);
    const start = (id: string) => first.start({ id, process: BUSY, lifetime: '1h', owner: 'alice' });
    const started = await Promise.all([...HURT, 'whole'].map(start));
    for (const id of HURT) await first.says(id, 'ready');
    if (!withKeeper) process.kill(keeperOf(place) ?? 0, 'SIGKILL');
    await first.stop('SIGKILL');
    damageAll(place);

    const second = await startDaemon(place);
    const found = await second.client.list();
    const known = ({ id, state, pid, userns }: (typeof found)[number]) => JSON.stringify({ id, state, pid, userns });
    expect(found.map(known).sort()).toEqual(started.map(known).sort());
    for (const { id, deadline_at, spec } of found) {
      const tells = withKeeper || id === 'whole' || OWNED.includes(id);
      if (tells) expect(Date.parse(deadline_at ?? '') - Date.now(), id).toBeGreaterThan(3_000_000);
      expect(spec.owner).toBe(OWNED.includes(id) || id === 'whole' ? 'alice' : null);
    }
    const errors = errorsOf(second);
    expect(errors).toHaveLength(HURT.length + 1);
    expect(errors[0]).toContain(`"file":"${join(place.runDir, 'damaged', 'journal')}"`);
    for (const id of HURT) {
      const aside = join(place.runDir, 'damaged', `${id}.json`);
      expect(existsSync(aside), id).toBe(!UNKNOWN.includes(id));
      const line = errors.find((text) => text.includes(`"id":"${id}"`));
      expect(line, id).toContain(UNKNOWN.includes(id) ? '"file":null' : `"file":"${aside}"`);
    }
    const { userns } = await second.start({ id: 'other', process: shell('sleep 1000') });
    expect(found.map((one) => one.userns?.uids[0]?.host)).not.toContain(userns?.uids[0]?.host);

    await second.stop('SIGKILL'); // they are containers as any other again
    const third = await startDaemon(place);
    expect(errorsOf(third)).toEqual([]);
    for (const id of HURT) {
      const used = (await third.client.inspect(id)).usage.cpu.usage_usec ?? 0;
      expect(used).toBeGreaterThan(10_000);
      await third.client.kill(id, 'SIGKILL');
      expect(await third.client.wait(id)).toMatchObject({ signal: 'SIGKILL', reason: 'killed' });
      const [record, ...more] = third.ledger(id);
      expect(more).toEqual([]);
      expect(record).toMatchObject({ type: 'final', owner: OWNED.includes(id) ? 'alice' : null });
      expect(record?.usage?.cpu.usage_usec).toBeGreaterThanOrEqual(used);
      expect(record?.duration_usec).toBeGreaterThan(10_000);
    }
    expect(started.filter(({ id, pid }) => HURT.includes(id) && isAlive(pid ?? 0))).toEqual([]);
  },
);

test('the run that the ledger knows goes on, with its owner: what was used is billed once', async () => {
  const place = newPlace({ interimIntervalMs: 1000 });
  const first = await startDaemon(place);
  await first.start({ id: 'hurt', process: BUSY, owner: 'alice', labels: { app: 'x' } });
  await vi.waitFor(() => expect(first.ledger('hurt')).not.toEqual([]), PATIENCE);
  await first.stop('SIGKILL');
  damageLines(place, 'hurt', () => null);
  const second = await startDaemon(place);
  await second.client.kill('hurt', 'SIGKILL');
  await second.client.wait('hurt');
  const records = second.ledger('hurt');
  expect(new Set(records.map(({ run }) => run)).size).toBe(1);
  expect(records.at(-1)).toMatchObject({ type: 'final', owner: 'alice', labels: { app: 'x' } });
});

test('one that has ended meanwhile is billed, one that had ended before is forgotten', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'ends', process: shell('sleep 0.5; exit 3') });
  await first.run({ id: 'ended', process: shell('exit 4') });
  const group = first.groupOf('ends');
  await first.stop('SIGKILL');
  for (const id of ['ends', 'ended']) damageLines(place, id, (line) => line.slice(0, 80));
  await vi.waitFor(() => {
    expect(readFileSync(join(group, 'cgroup.events'), 'utf8')).toContain('populated 0');
  }, PATIENCE);
  const second = await startDaemon(place);
  expect(await second.client.wait('ends')).toMatchObject({ code: 3, reason: 'exited' });
  expect(second.ledger('ends')).toMatchObject([{ type: 'final', code: 3 }]);
  expect((await second.client.list()).map(({ id }) => id)).toEqual(['ends']);
  expect(second.ledger('ended')).toHaveLength(1);
});

/** Starts a daemon in which the kernel refuses to open or to look for a file. */
async function startRefused(place: Place, path: string, inject: string): Promise<Niwad> {
  const calls = ['-e', 'trace=openat,access', '-e', `inject=openat,access:${inject}`];
  return await startDaemonUnder(place, ['strace', '-D', '-qq', '-o', '/dev/null', '-P', path, ...calls]);
}

async function startDaemonUnder(place: Place, launcher: string[]): Promise<Niwad> {
  return await Niwad.start(place, {}, flagsOf(place), launcher);
}

test.each([
  ['for a moment', 'error=EMFILE:when=1..3'],
  ['at all', 'error=EIO'],
])('a journal that cannot be read %s ends nothing', async (name, inject) => {
  const place = newPlace();
  const first = await startDaemon(place);
  const { pid } = await first.start({ id: 'hurt', process: shell('sleep 1000'), owner: 'alice' });
  await first.stop('SIGKILL');
  const [segment = ''] = segmentsOf(place);
  const lines = readFileSync(segment, 'utf8');
  const second = await startRefused(place, segment, inject);
  try {
    const status = await second.client.inspect('hurt');
    expect(status).toMatchObject({ state: 'running', pid });
    expect(status.spec.owner).toBe(name === 'for a moment' ? 'alice' : null);
    const kept = name === 'for a moment' ? segment : join(place.runDir, 'damaged', basename(segment));
    expect(readFileSync(kept, 'utf8')).toBe(lines);
  } finally {
    await second.client.remove('hurt', { force: true });
    await second.stop();
  }
  expect(second.ledger('hurt')).toHaveLength(1);
});

test('a bridged container keeps its address', async ({ skip }) => {
  skip(!existsSync('/usr/sbin/nft'), 'needs nft');
  const place = newPlace({ network: { bridge: 'nwhurt', subnet: '10.83.0.0/24', subnet6: null } });
  const unshared = (niwad: string[]) => ['unshare', '--net', ...niwad];
  const first = await startDaemonUnder(place, unshared([]));
  try {
    await first.start({ id: 'hurt', process: shell('sleep 1000'), network: {} });
    await first.start({ id: 'stays', process: shell('sleep 1000'), network: {} });
    const node = `/proc/${keeperOf(place)}/ns/net`;
    const inNode = (...args: string[]) => execFileSync('nsenter', [`--net=${node}`, ...args], { encoding: 'utf8' });
    const devices = () => inNode('ip', '-o', 'link').match(/nwhurtv[0-9a-f]+/g) ?? [];
    const before = devices();
    expect(before).toHaveLength(2);
    await first.stop('SIGKILL');
    damageLines(place, 'hurt', () => null);
    const second = await startDaemonUnder(place, ['nsenter', `--net=${node}`]);
    try {
      await second.start({ id: 'new', process: shell('sleep 1000'), network: {} });
      expect(devices()).toEqual(expect.arrayContaining(before));
      expect(devices()).toHaveLength(3);
    } finally {
      for (const id of ['hurt', 'stays', 'new']) await second.client.remove(id, { force: true });
      await second.stop();
    }
  } finally {
    await first.stop('SIGKILL');
  }
});

test('a mark of the bridge that was cut short deletes no interface of others', async ({ skip }) => {
  skip(!existsSync('/usr/sbin/nft'), 'needs nft');
  const place = newPlace();
  const first = await startDaemon(place);
  await first.stop();
  writeFileSync(join(place.runDir, 'bridge'), '');
  const script =
    'ip link add veth7 type veth peer name vother && "$@" & pid=$!; trap "kill $pid" TERM; wait; ip -o link | grep -c veth7 > $COUNT';
  const count = join(place.directory, 'count');
  const second = await Niwad.start(place, { COUNT: count }, flagsOf(place), [
    'unshare',
    '--net',
    'sh',
    '-c',
    script,
    'sh',
  ]);
  await second.stop();
  await vi.waitFor(() => expect(Number(readFileSync(count, 'utf8'))).toBeGreaterThan(0), PATIENCE);
});

test('a damaged index of the images costs images, not containers, until it is put back', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.start({ id: 'runs', process: shell('sleep 1000') });
  await first.stop();
  const index = join(place.stateDir, 'images', 'index.json');
  const layer = join(place.stateDir, 'images', 'layers', 'a'.repeat(64));
  execFileSync('mkdir', ['-p', layer]);
  writeFileSync(index, '{"version":1}');
  const second = await startDaemon(place);
  expect((await second.client.inspect('runs')).state).toBe('running');
  await expect(second.client.images()).rejects.toMatchObject({
    code: 'HOST_ERROR',
    message: expect.stringContaining(index),
  });
  expect(existsSync(layer)).toBe(true);
  writeFileSync(index, '{"version":1,"names":{},"images":{},"layers":{}}');
  expect(await second.client.images()).toEqual([]);
});

test('a node whose mark of the drain cannot be read stays drained', async ({ skip }) => {
  needsFile(skip, '/usr/bin/strace', 'it refuses to open the mark');
  const place = newPlace();
  const first = await startDaemon(place);
  await first.client.drain();
  await first.stop();
  const second = await startRefused(place, join(place.runDir, 'draining'), 'error=EIO');
  try {
    expect(await second.client.drainStatus()).toMatchObject({ draining: true });
  } finally {
    await second.stop();
  }
});

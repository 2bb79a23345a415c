import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { Ledger, type Lost } from '../../src/accounting/ledger.js';
import { fromLine } from '../../src/accounting/record.js';
import { kernel } from '../../src/kernel/addon.js';
import type { UsageRecord } from '../../src/protocol/record.js';
import { needsFile } from './support/host.js';
import { makePlace, Niwad, removePlace } from './support/niwad.js';

const LEDGER_MODULE = new URL('../../dist/accounting/ledger.js', import.meta.url).href;

function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function recordOf(id: string, labels: Record<string, string> = {}, type: 'interim' | 'final' = 'final'): UsageRecord {
  const at = '2026-01-01T00:00:00.000Z';
  return {
    type,
    run: `run-of-${id}`,
    ...{ id, owner: null, labels, created_at: at, started_at: at, at, duration_usec: 0 },
    ...{ reason: null, code: null, signal: null, usage: null, memory_byte_seconds: null },
  };
}

async function idsIn(ledger: Ledger): Promise<string[]> {
  const ids: string[] = [];
  const reading = ledger.records();
  for await (const { id } of reading) ids.push(id);
  expect(reading.skippedLines).toBe(0);
  return ids;
}

/** Whether every line of every segment is whole. */
function allWhole(directory: string): boolean {
  return readdirSync(directory).every((name) => {
    const lines = readFileSync(join(directory, name), 'utf8').split('\n');
    return lines.pop() === '' && lines.every((line) => fromLine(Buffer.from(line)) !== null);
  });
}

test.each([
  ['one segment', 2 ** 20],
  ['many segments', 4000],
])(
  'a full disk refuses records, keeps what it has, and takes them when there is space: %s',
  async (_, segmentBytes) => {
    const disk = makeDirectory();
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'niwa-test', disk]);
    onTestFinished(async () => {
      await execa('umount', ['--lazy', disk]); // a test that failed has it open
    });
    const directory = join(disk, 'ledger');
    const ledger = await Ledger.open(directory, { kernel, segmentBytes });
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(32 * 1024));

    const labels = { text: 'x'.repeat(700) }; // so that what fits ends in the middle of a line
    const taken: string[] = [];
    let refusal: unknown = null;
    for (let i = 0; refusal === null; i++)
      await ledger.append(recordOf(`c${i}`, labels)).then(
        () => taken.push(`c${i}`),
        (error: unknown) => {
          refusal = error;
        },
      );
    expect(taken.length).toBeGreaterThan(5);
    expect(refusal).toMatchObject({
      code: 'HOST_ERROR',
      message: expect.stringMatching(/^cannot write to the ledger \S+\.ndjson: ENOSPC.*: free some space$/),
      cause: { code: 'ENOSPC' },
    });
    const many = Array.from({ length: 10 }, (_, i) => recordOf(`batch-${i}`, labels));
    const refused = await Promise.allSettled(many.map((record) => ledger.append(record)));
    expect(refused.map(({ status }) => status)).toEqual(many.map(() => 'rejected'));
    expect(await idsIn(ledger)).toEqual(taken);
    expect(allWhole(directory)).toBe(true);

    rmSync(join(disk, 'ballast'));
    for (const record of many) await ledger.append(record);
    const all = [...taken, ...many.map(({ id }) => id)];
    expect(await idsIn(ledger)).toEqual(all);
    expect(allWhole(directory)).toBe(true);
    await ledger.close();
    const again = await Ledger.open(directory, { kernel });
    expect(again.torn).toBeNull();
    expect(await idsIn(again)).toEqual(all);
    await again.close();
  },
);

/** Appends one record after another, each until it is taken, and tells of each refusal. */
const APPENDER = `
  const [module, directory, ...records] = process.argv.slice(1);
  const { Ledger } = await import(module);
  const { kernel } = await import(new URL('../kernel/addon.js', module));
  const ledger = await Ledger.open(directory, { kernel });
  for (const record of records.map(JSON.parse))
    while (!(await ledger.append(record).then(() => true, ({ message }) => console.log(record.id + ': ' + message)))) ;
  for await (const { id } of ledger.records()) console.log('read ' + id);
  await ledger.close();`;

/** Appends records in a process in which system calls fail as strace says: "CALL:error=ERRNO:when=N" and so on. */
async function appendWith(faults: string[], directory: string, records: UsageRecord[]): Promise<string[]> {
  const inject = faults.flatMap((fault) => ['-e', `inject=${fault}`]);
  const script = ['--input-type=module', '-e', APPENDER, LEDGER_MODULE, directory];
  const words = records.map((record) => JSON.stringify(record));
  const strace = ['-f', '-o', '/dev/null', '-e', 'trace=fdatasync,ftruncate', ...inject];
  const env = { UV_THREADPOOL_SIZE: '1' }; // strace counts the calls of each thread
  const { stdout } = await execa('strace', [...strace, process.execPath, ...script, ...words], {
    env,
    timeout: 30_000,
  });
  return stdout.split('\n');
}

/** The opening syncs once. */
const THIRD_RECORD = 4;

test('a sync that fails refuses the record, and what is written again is there once', async ({ skip }) => {
  needsFile(skip, '/usr/bin/strace', 'it makes system calls fail');
  const directory = join(makeDirectory(), 'ledger');
  const records = ['a', 'b', 'c', 'd'].map((id) => recordOf(id, {}, id === 'b' ? 'interim' : 'final'));
  const said = await appendWith([`fdatasync:error=EIO:when=${THIRD_RECORD}`], directory, records);
  expect(said).toEqual([
    expect.stringMatching(/^c: cannot write to the ledger \S+\/00000001.ndjson: EIO.*the disk fails: see dmesg$/),
    ...records.map(({ id }) => `read ${id}`),
  ]);
  expect(readdirSync(directory).sort()).toEqual(['00000001.ndjson', '00000002.ndjson']);
  expect(allWhole(directory)).toBe(true);
  const ledger = await Ledger.open(directory, { kernel });
  expect(await idsIn(ledger)).toEqual(['a', 'b', 'c', 'd']);
  await ledger.close();
});

test('a sync that fails and cannot be taken back doubles nothing, also for the next daemon', async ({ skip }) => {
  needsFile(skip, '/usr/bin/strace', 'it makes system calls fail');
  const directory = join(makeDirectory(), 'ledger');
  const records = ['a', 'b', 'c', 'd'].map((id) => recordOf(id));
  const faults = [`fdatasync:error=EIO:when=${THIRD_RECORD}`, 'ftruncate:error=EIO:when=1+'];
  const said = await appendWith(faults, directory, records);
  expect(said.slice(1)).toEqual(records.map(({ id }) => `read ${id}`));
  const first = readFileSync(join(directory, '00000001.ndjson'), 'utf8');
  expect(first).toContain('"id":"c"'); // it is there, and does not count
  const ledger = await Ledger.open(directory, { kernel });
  expect(await idsIn(ledger)).toEqual(['a', 'b', 'c', 'd']);
  await ledger.close();
});

test('a disk on which no sync succeeds does not fill with segments', async ({ skip }) => {
  needsFile(skip, '/usr/bin/strace', 'it makes system calls fail');
  const directory = join(makeDirectory(), 'ledger');
  const ledger = await Ledger.open(directory, { kernel });
  await ledger.append(recordOf('a'));
  await ledger.close();
  const said = await appendWith(['fdatasync:error=EIO:when=2..20'], directory, [recordOf('b')]);
  expect(said.filter((line) => line.startsWith('b: '))).not.toHaveLength(0);
  expect(said.slice(-2)).toEqual(['read a', 'read b']);
  expect(readdirSync(directory).sort()).toEqual(['00000001.ndjson', '00000002.ndjson']);
});

/**
 * Ways to take the last segment away from a ledger; each says what the ledger tells, and which records nobody has any
 * more.
 */
const LOSSES: [string, (segment: string, directory: string) => void, Partial<Lost>, string[]][] = [
  ['removed', (segment) => rmSync(segment), { what: 'gone', lostBytes: 0 }, []],
  ['removed with its directory', (_, directory) => rmSync(directory, { recursive: true }), { what: 'gone' }, []],
  ['moved within its file system', (segment) => renameSync(segment, `${segment}.old`), { what: 'gone' }, []],
  [
    'moved with the state directory',
    (_, directory) => renameSync(join(directory, '..'), join(directory, '../../moved')),
    { what: 'gone' },
    [],
  ],
  [
    'replaced by a copy', // as `sed -i` and a move across file systems and back do
    (segment) => {
      copyFileSync(segment, `${segment}.copy`);
      renameSync(`${segment}.copy`, segment);
    },
    { what: 'gone' },
    [],
  ],
  ['emptied', (segment) => truncateSync(segment), { what: 'changed' }, ['b']],
  [
    'cut within a line',
    (segment) => truncateSync(segment, readFileSync(segment).length - 10),
    { what: 'changed' },
    ['b'],
  ],
  ['written to by somebody else', (segment) => appendFileSync(segment, 'x'), { what: 'changed', lostBytes: 0 }, []],
];

test.each(LOSSES)('a segment that was %s is noticed, and the next has what is left', async (_, lose, told, lost) => {
  const directory = join(makeDirectory(), 'state/ledger');
  const losses: Lost[] = [];
  const ledger = await Ledger.open(directory, { kernel, onLost: (loss) => losses.push(loss) });
  await ledger.append(recordOf('a', {}, 'interim')); // carried over, whatever happens
  await ledger.append(recordOf('b'));
  const segment = join(directory, '00000001.ndjson');

  lose(segment, directory);
  await ledger.append(recordOf('c'));
  await ledger.append(recordOf('d'));
  const next = join(directory, '00000002.ndjson');
  expect(losses).toMatchObject([{ segment, next, ...told }]);
  if (lost.length > 0) expect(losses[0]?.lostBytes).toBeGreaterThan(0);
  const left = ['a', 'b', 'c', 'd'].filter((id) => !lost.includes(id));
  const linesIn = readFileSync(next, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).id ?? 'header');
  expect(linesIn).toEqual(expect.arrayContaining(['header', 'a', 'c', 'd']));
  const idsOf = async (reader: Ledger) => {
    const ids = new Set<string>();
    for await (const { id } of reader.records()) ids.add(id);
    return [...ids];
  };
  expect(await idsOf(ledger)).toEqual(left);
  await ledger.close();
  const again = await Ledger.open(directory, { kernel });
  expect(again.torn).toBeNull();
  expect(again.unfinished().map(({ id }) => id)).toEqual(['a']);
  expect(await idsOf(again)).toEqual(left);
  await again.close();
});

test('a lost segment waits for a disk with room, and what was written to it meanwhile is there once', async () => {
  const disk = makeDirectory();
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'niwa-test', disk]);
  onTestFinished(async () => {
    await execa('umount', ['--lazy', disk]);
  });
  const directory = join(disk, 'ledger');
  const ledger = await Ledger.open(directory, { kernel });
  const labels = { text: 'x'.repeat(20_000) };
  for (const id of ['a', 'b', 'c', 'd']) await ledger.append(recordOf(id, labels));
  rmSync(join(directory, '00000001.ndjson'));
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(128 * 1024));
  await expect(ledger.append(recordOf('e', labels))).rejects.toMatchObject({ cause: { code: 'ENOSPC' } });
  expect(readdirSync(directory)).toEqual([]);
  rmSync(join(disk, 'ballast'));
  for (const id of ['e', 'f']) await ledger.append(recordOf(id, labels));
  expect(await idsIn(ledger)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  expect(allWhole(directory)).toBe(true);
  await ledger.close();
});

test('a segment that is removed after its last record is saved when the next one begins, and at the end', async () => {
  const directory = join(makeDirectory(), 'ledger');
  const ledger = await Ledger.open(directory, { kernel, segmentBytes: 1 });
  await ledger.append(recordOf('a'));
  rmSync(join(directory, '00000001.ndjson'));
  await ledger.append(recordOf('b'));
  rmSync(directory, { recursive: true });
  await ledger.close();
  const again = await Ledger.open(directory, { kernel });
  expect(await idsIn(again)).toEqual(['b']); // the one before was closed: as if an operator had put it away
  await again.close();
});

test('a daemon whose ledger is removed says so, and bills everything', async () => {
  const place = makePlace();
  onTestFinished(() => removePlace(place));
  const niwad = await Niwad.start(place);
  await niwad.run({ id: 'before', process: { args: ['true'] } });
  rmSync(join(place.stateDir, 'ledger'), { recursive: true });
  await niwad.run({ id: 'after', process: { args: ['true'] } });
  await niwad.stop();
  expect(niwad.log).toContain('a segment of the ledger was moved, removed or changed while niwad wrote to it');
  expect(niwad.ledger().map(({ id }) => id)).toEqual(['before', 'after']);
});

/** Appends without end, several at once, and tells each record that is acknowledged. */
const CRASHER = `
  const [module, directory, name, record] = process.argv.slice(1);
  const { Ledger } = await import(module);
  const { kernel } = await import(new URL('../kernel/addon.js', module));
  const ledger = await Ledger.open(directory, { kernel, segmentBytes: 3000 });
  for (let i = 0; ; i += 5)
    await Promise.all([0, 1, 2, 3, 4].map(async (n) => {
      const id = name + '-' + (i + n);
      const type = n === 0 ? 'interim' : 'final';
      await ledger.append({ ...JSON.parse(record), run: n === 0 ? name : id, id, type });
      console.log(id);
    }));`;

test('a process that is killed while it writes loses nothing that was acknowledged', async () => {
  const directory = join(makeDirectory(), 'ledger');
  const acknowledged: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const script = ['--input-type=module', '-e', CRASHER, LEDGER_MODULE, directory, name];
    const crasher = execa(process.execPath, [...script, JSON.stringify(recordOf(''))], {
      reject: false,
      buffer: false,
    });
    let said = '';
    crasher.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.split('\n').length > 60) crasher.kill('SIGKILL');
    });
    await crasher;
    acknowledged.push(...said.split('\n').slice(0, -1));
    const ledger = await Ledger.open(directory, { kernel });
    const ids = await idsIn(ledger);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(acknowledged));
    await ledger.close();
  }
  expect(acknowledged.length).toBeGreaterThan(200);
  expect(readdirSync(directory).length).toBeGreaterThan(10);
});

test('a daemon that finds a torn end tells it, and goes on', async () => {
  const place = makePlace();
  onTestFinished(() => removePlace(place));
  const directory = join(place.stateDir, 'ledger');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, '00000001.ndjson'), '{"type":"final","run"');
  const niwad = await Niwad.start(place);
  await niwad.run({ id: 'after', process: { args: ['true'] } });
  await niwad.stop();
  const torn = JSON.stringify({ segment: join(directory, '00000001.ndjson'), bytes: 21 });
  expect(niwad.log).toContain(`"torn":${torn},"msg":"cut off a torn end of the ledger`);
  expect(niwad.ledger().map(({ id }) => id)).toEqual(['after']);
});

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventLog, type EventLogOptions, type Wanted } from '../../../../src/containers/events/event-log.js';
import type { Exit } from '../../../../src/protocol/container.js';
import type { EventLine, RuntimeEvent } from '../../../../src/protocol/events.js';

const exit: Exit = { code: 0, signal: null, reason: 'exited', at: '2026-11-23T13:57:15.000Z' };
const subject = (id: string, owner: string | null = null, labels = {}) => ({ id, owner, labels });

let place: string;
let opened: EventLog[];

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'niwa-events-'));
  opened = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(opened.map((log) => log.close()));
  rmSync(place, { recursive: true });
});

async function openLog(options: Partial<EventLogOptions> = {}): Promise<EventLog> {
  const [directory, numberFile] = [join(place, 'events'), join(place, 'last-event')];
  const log = await EventLog.open({
    directory,
    numberFile,
    bootId: 'boot',
    log: pino({ level: 'silent' }),
    ...options,
  });
  opened.push(log);
  return log;
}

/** What a reader gets up to now; the last event must not be too old for it. */
async function read(log: EventLog, wanted: Partial<Wanted> = {}): Promise<EventLine[]> {
  const lines: EventLine[] = [];
  const left = new AbortController();
  const leaveAt = (number: number) => number >= log.last && setImmediate(() => left.abort());
  const fits = (event: RuntimeEvent) => {
    leaveAt(event.seq);
    return wanted.fits?.(event) ?? true;
  };
  for await (const text of log.follow({ reader: null, after: 0, since: null, ...wanted, fits }, left.signal)) {
    const line = JSON.parse(text) as EventLine;
    if (line.type === 'gap') leaveAt(line.to);
    lines.push(line);
  }
  return lines;
}

/** Waits until all is on disk. */
async function stored(log: EventLog): Promise<void> {
  const directory = join(place, 'events');
  const written = () => readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
  await vi.waitFor(() => expect(written().join('')).toContain(`"seq":${log.last},`), 5000);
  await sleep(10); // the thread has written, and the event loop knows it
}

const inShort = (lines: readonly EventLine[]) =>
  lines.map((line) => (line.type === 'gap' ? `gap ${line.from}-${line.to}` : `${line.seq} ${line.type} ${line.id}`));

it('counts events, and gives them in order, with whose they are', async () => {
  const log = await openLog();
  expect(log.last).toBe(0);
  log.add('create', subject('a', 'ann', { app: 'x' }));
  log.add('exit', subject('a', 'ann', { app: 'x' }), { exit });
  const told = await read(log);
  const about = { id: 'a', owner: 'ann', labels: { app: 'x' }, service: null, at: expect.stringMatching(/Z$/) };
  expect(told).toEqual([
    { seq: 1, type: 'create', ...about },
    { seq: 2, type: 'exit', ...about, exit },
  ]);
  expect(log.last).toBe(2);
});

it('gives a reader what comes while it waits, and ends it when its peer has gone', async () => {
  const log = await openLog();
  const left = new AbortController();
  const lines = log.follow({ reader: null, after: 0, since: null, fits: () => true }, left.signal);
  const first = lines.next();
  log.add('create', subject('a'));
  expect((await first).value).toContain('"create"');
  const second = lines.next();
  left.abort();
  expect((await second).done).toBe(true);
});

it('gives only what is wanted, also of what is on disk', async () => {
  const log = await openLog();
  for (const id of ['a', 'b', 'a']) log.add('start', subject(id));
  await log.close();
  const next = await openLog();
  next.add('start', subject('b'));
  expect(inShort(await read(next, { fits: ({ id }) => id === 'b' }))).toEqual(['2 start b', '4 start b']);
  expect(inShort(await read(next, { after: 2 }))).toEqual(['3 start a', '4 start b']);
});

it('gives what is not older than a time', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-23T12:00:00Z') });
  const log = await openLog();
  log.add('start', subject('a'));
  vi.setSystemTime(Date.parse('2026-11-23T13:00:00Z'));
  log.add('start', subject('b'));
  expect(inShort(await read(log, { since: '2026-11-23T12:30:00.000Z' }))).toEqual(['2 start b']);
  expect(inShort(await read(log, { since: '2026-11-23T13:00:00.000Z' }))).toEqual(['2 start b']);
  vi.setSystemTime(Date.parse('2026-11-23T14:00:00Z'));
  log.add('start', subject('c'));
  expect(inShort(await read(log, { since: '2026-11-23T13:00:00.001Z' }))).toEqual(['3 start c']);
});

describe('after a restart', () => {
  it('goes on with the next number, and gives what the one before told', async () => {
    const first = await openLog();
    for (const id of ['a', 'b']) first.add('create', subject(id));
    await first.close();
    const second = await openLog();
    expect(second.last).toBe(2);
    second.add('create', subject('c'));
    expect(inShort(await read(second))).toEqual(['1 create a', '2 create b', '3 create c']);
    expect(readdirSync(join(place, 'events'))).toEqual(['0000000000000001.ndjson']);
  });

  it('uses no number again of events that were not stored, and tells of the gap', async () => {
    const first = await openLog();
    first.add('create', subject('a'));
    await first.close();
    first.add('start', subject('a')); // in memory only: what follows is as after kill -9
    first.add('pause', subject('a'));
    const second = await openLog();
    expect(second.last).toBe(3);
    expect(inShort(await read(second))).toEqual(['1 create a', 'gap 2-3']);
    second.add('resume', subject('a'));
    expect(inShort(await read(second))).toEqual(['1 create a', 'gap 2-3', '4 resume a']);
    expect(inShort(await read(second, { after: 2 }))).toEqual(['gap 3-3', '4 resume a']);
    expect(inShort(await read(second, { after: 3 }))).toEqual(['4 resume a']);
  });

  it('of the machine leaves out more numbers than can have been lost', async () => {
    const first = await openLog();
    first.add('create', subject('a'));
    await first.close();
    const second = await openLog({ bootId: 'another' });
    second.add('create', subject('b'));
    expect(inShort(await read(second))).toEqual(['1 create a', 'gap 2-1000001', '1000002 create b']);
    await second.close();
    expect((await openLog({ bootId: 'another' })).last).toBe(1_000_002);
  });

  it('cuts off a torn line, and leaves out a damaged one', async () => {
    const first = await openLog();
    for (const id of ['a', 'b', 'c']) first.add('create', subject(id, 'ü'));
    await first.close();
    const path = join(place, 'events', '0000000000000001.ndjson');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"seq":2', '"s'));
    await appendFile(path, '{"seq":4,"type":"cr');
    const second = await openLog();
    second.add('create', subject('d'));
    await second.close();
    expect(inShort(await read(second))).toEqual(['1 create a', 'gap 2-2', '3 create c', '4 create d']);
  });

  it('begins where its directory cannot be made yet, as on a full disk', async () => {
    symlinkSync(join(place, 'later'), join(place, 'events'));
    const log = await openLog();
    log.add('create', subject('a'));
    expect(inShort(await read(log))).toEqual(['1 create a']);
    mkdirSync(join(place, 'later'));
    await stored(log);
  });

  it('goes on behind a file that cannot be read any more', async () => {
    const first = await openLog();
    for (const id of ['a', 'b']) first.add('create', subject(id));
    await first.close();
    const path = join(place, 'events', '0000000000000001.ndjson');
    rmSync(path);
    mkdirSync(path); // EISDIR
    rmSync(join(place, 'last-event'));
    const second = await openLog();
    const { seq } = second.add('create', subject('c'));
    expect(seq).toBeGreaterThan(2);
    await second.close();
    expect(inShort(await read(second))).toEqual([`gap 1-${seq - 1}`, `${seq} create c`]);
  });

  it('a reader that stops within what is on disk holds up no other', async () => {
    const first = await openLog();
    for (let i = 0; i < 2000; i++) first.add('create', subject('a'.repeat(60)));
    await first.close();
    const second = await openLog();
    const stopped = second.follow(
      { reader: 'bob', after: 0, since: null, fits: () => true },
      new AbortController().signal,
    );
    await stopped.next();
    expect(await read(second, { reader: 'bob' })).toHaveLength(2000);
    await stopped.return(undefined);
  });

  it('goes on without any file of the one before', async () => {
    const first = await openLog();
    for (const id of ['a', 'b']) first.add('create', subject(id));
    await first.close();
    rmSync(join(place, 'events'), { recursive: true, force: true });
    const second = await openLog();
    expect(inShort(await read(second))).toEqual(['gap 1-2']);
    expect(second.last).toBe(2);
  });
});

it('tells a reader with a number of another count that it knows nothing', async () => {
  const log = await openLog();
  for (const id of ['a', 'b']) log.add('create', subject(id));
  expect(inShort(await read(log, { after: 7 }))).toEqual(['gap 1-2']);
});

describe('is bounded', () => {
  const onDisk = { segments: 3, segmentBytes: 1_000_000, segmentEvents: 10 };
  const inMemory = { stored: 5, events: 20, bytes: 1_000_000 };

  it('on disk, by number and bytes: what is too old is a gap, as the first line', async () => {
    const log = await openLog({ onDisk, inMemory });
    for (let i = 0; i < 10; i++) {
      for (let j = 0; j < 10; j++) log.add('update', subject('a'));
      await stored(log);
    }
    const told = inShort(await read(log));
    expect(told).toEqual(['gap 1-70', ...Array.from({ length: 30 }, (_, i) => `${71 + i} update a`)]);
    expect(readdirSync(join(place, 'events'))).toHaveLength(3);
    expect(inShort(await read(log, { after: 70 }))[0]).toBe('71 update a');
    expect(inShort(await read(log, { after: 69 }))[0]).toBe('gap 70-70');
  });

  it('by the bytes of a segment', async () => {
    const log = await openLog({ onDisk: { segments: 2, segmentBytes: 5000, segmentEvents: 1000 }, inMemory });
    for (let i = 0; i < 6; i++) {
      log.add('update', subject('a', null, { long: 'x'.repeat(3000) }));
      await stored(log);
    }
    const files = readdirSync(join(place, 'events'));
    expect(files).toEqual(['0000000000000003.ndjson', '0000000000000005.ndjson']);
    for (const name of files) expect(statSync(join(place, 'events', name)).size).toBeLessThan(8000);
  });

  it('in memory, where the disk takes nothing; it is tried again', async () => {
    const log = await openLog({ inMemory });
    rmSync(join(place, 'events'), { recursive: true, force: true });
    writeFileSync(join(place, 'events'), 'not a directory');
    for (let i = 0; i < 50; i++) log.add('update', subject('a'));
    await sleep(60);
    const told = inShort(await read(log));
    expect(told).toEqual(['gap 1-30', ...Array.from({ length: 20 }, (_, i) => `${31 + i} update a`)]);
    rmSync(join(place, 'events'));
    await vi.waitFor(() => expect(readdirSync(join(place, 'events'))).toEqual(['0000000000000031.ndjson']), 5000);
  });

  it('for a slow reader, which gets a gap and holds up nobody', async () => {
    const log = await openLog({ onDisk, inMemory });
    const lines = log.follow({ reader: null, after: 0, since: null, fits: () => true }, new AbortController().signal);
    log.add('update', subject('a'));
    expect((await lines.next()).value).toContain('"seq":1,');
    for (let i = 0; i < 10; i++) {
      for (let j = 0; j < 10; j++) log.add('update', subject('a')); // it reads nothing meanwhile
      await stored(log);
    }
    const next = [await lines.next(), await lines.next()].map(({ value }) => JSON.parse(value as string) as EventLine);
    expect(inShort(next)).toEqual(['gap 2-71', '72 update a']);
    await lines.return(undefined);
  });
});

describe('positions', () => {
  it('tell a reader who asks for them how far niwad has read, where few events fit', async () => {
    const log = await openLog();
    for (let i = 1; i <= 250; i++) log.add(i === 120 ? 'start' : 'update', subject('a'));
    const fits = ({ type }: RuntimeEvent) => type === 'start' || type === 'exit';
    const lines = log.follow(
      { reader: null, after: 0, since: null, positions: true, fits },
      new AbortController().signal,
    );
    const told: EventLine[] = [];
    const readTo = async (count: number) => {
      while (told.length < count) told.push(JSON.parse((await lines.next()).value as string));
    };
    await readTo(3);
    log.add('exit', subject('a'), { exit });
    await readTo(4);
    await lines.return(undefined);
    expect(told).toMatchObject([
      { type: 'position', seq: 100 },
      { type: 'start', seq: 120 },
      { type: 'position', seq: 220 },
      { type: 'exit', seq: 251 },
    ]);
  });
});

describe('recentEnds', () => {
  const later = { ...exit, at: '2999-01-01T00:00:00.000Z' };

  it('says which ends were told, as far back as it looks', async () => {
    const log = await openLog();
    log.add('exit', subject('a'), { exit: later });
    await log.close();
    const next = await openLog();
    const wasTold = next.recentEnds();
    expect(wasTold('a', later)).toBe(true);
    expect(wasTold('b', later)).toBe(false);
    expect(wasTold('a', { ...later, at: '2999-01-01T00:00:01.000Z' })).toBe(false);
    expect(wasTold('b', { ...exit, at: '2000-01-01T00:00:00.000Z' })).toBe(true);
  });

  it('takes all for told where there was no log yet, and nothing where it was lost', async () => {
    const log = await openLog();
    expect(log.recentEnds()('a', later)).toBe(true);
    log.add('create', subject('a'));
    rmSync(join(place, 'events'), { recursive: true, force: true });
    expect((await openLog()).recentEnds()('a', exit)).toBe(false);
  });

  it('looks at the last two segments, also where lines are damaged or have letters of several bytes', async () => {
    const onDisk = { segments: 16, segmentBytes: 1 << 20, segmentEvents: 2 };
    const log = await openLog({ onDisk });
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      log.add('exit', subject(id, null, { town: 'Zürich', text: '"type":"exit"' }), { exit: later });
      await stored(log);
    }
    await log.close();
    const [, middle = ''] = readdirSync(join(place, 'events')).sort();
    const path = join(place, 'events', middle);
    writeFileSync(path, readFileSync(path, 'utf8').replace('{"seq":3,', '{"seq":3;'));
    const wasTold = (await openLog({ onDisk })).recentEnds();
    expect(['a', 'b', 'c', 'd', 'e'].filter((id) => wasTold(id, later))).toEqual(['d', 'e']);
  });

  it('looks only at what earlier daemons told, also where this one has told something already', async () => {
    const first = await openLog();
    first.add('adopt', subject('b'));
    await stored(first);
    expect(first.recentEnds()('a', exit)).toBe(true);

    rmSync(join(place, 'events'), { recursive: true, force: true });
    const second = await openLog();
    second.add('adopt', subject('b'));
    await stored(second);
    expect(second.recentEnds()('a', exit)).toBe(false);
  });
});

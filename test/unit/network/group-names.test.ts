import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GroupNames } from '../../../src/network/group-names.js';
import { recordOf } from '../../../src/network/group-records.js';
import type { Lease } from '../../../src/network/lease.js';

let directory: string;
let names: GroupNames;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-names-'));
  names = newNames();
});
afterEach(() => rmSync(directory, { recursive: true }));

const newNames = () => new GroupNames(join(directory, 'groups'), pino({ level: 'silent' }));
const fileOf = (id: string) => join(directory, id);
const leaseOf = (number: number) => ({ address: `10.0.0.${number}`, address6: `fd00::${number}` }) as Lease;
const OWN = '127.0.0.1\tlocalhost\n';
const make = (id: string, own = OWN) => names.makeFile('shop', id, { file: fileOf(id), own, isPlain: own === OWN });
const add = async (id: string, number: number, own = OWN) => {
  make(id, own);
  await names.join('shop', id, leaseOf(number));
};
/** The lines of a hosts file that count, in the form of hosts(5). */
const linesOf = (id: string) =>
  readFileSync(fileOf(id), 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
const both = (id: string, number: number) => [`10.0.0.${number}\t${id}`, `fd00::${number}\t${id}`];

describe('the names of a group', () => {
  it('are in the files of all members, own lines first, as soon as one has joined', async () => {
    await add('web', 2);
    await add('db', 3, '10.9.9.9\tdb\n');
    await add('web2', 4);
    const group = [...both('web', 2), ...both('db', 3), ...both('web2', 4)];
    expect(linesOf('web')).toEqual(['127.0.0.1\tlocalhost', ...group]);
    expect(linesOf('web2')).toEqual(linesOf('web'));
    expect(linesOf('db')).toEqual(['10.9.9.9\tdb', ...group]);
    expect(statSync(fileOf('web')).ino).toBe(statSync(fileOf('web2')).ino);
  });

  it('lack a member that is not connected, that has left, or whose id means something else', async () => {
    await add('web', 2);
    await add('api.example.org', 3, 'x');
    await add('LocalHost', 4, 'y');
    make('waits');
    await add('db', 5);
    await names.leave('shop', 'web');
    expect(linesOf('db').slice(1)).toEqual(both('db', 5));
    await add('new', 6); // takes the place of what has left
    expect(linesOf('db').slice(1)).toEqual([...both('new', 6), ...both('db', 5)]);
  });

  it('are lines of a fixed size', () => {
    const record = recordOf('web', leaseOf(2));
    expect(record.length).toBe(256);
    expect(record.toString()).toMatch(/^10\.0\.0\.2\tweb +\nfd00::2\tweb +\n$/);
  });

  it('go with the last member', async () => {
    await add('web', 2);
    await names.leave('shop', 'web');
    expect(readdirSync(join(directory, 'groups'))).toEqual([]);
    await add('web', 3); // the same id again, whose file is there
    expect(linesOf('web').slice(1)).toEqual(both('web', 3));
  });

  it('of an id that leaves while it joins are gone', async () => {
    for (let i = 0; i < 120; i++) make(`own${i}`, `# ${i}\n`);
    make('short');
    const joining = names.join('shop', 'short', leaseOf(9));
    await names.leave('shop', 'short');
    await joining;
    for (let i = 0; i < 120; i++) expect(linesOf(`own${i}`)).toEqual([]);
  });
});

it('go on after a restart of niwad: who has gone meanwhile is taken away, who has stayed is not written again', async () => {
  await add('web', 2);
  await add('gone', 3);
  await add('own', 4, '10.9.9.9\tdb\n');
  const { ino } = statSync(fileOf('web'));
  names = newNames();
  for (const [id, number] of [
    ['own', 4],
    ['web', 2],
  ] as const)
    names.adopt('shop', { id, file: fileOf(id), lease: leaseOf(number) });
  await names.renew();
  expect(linesOf('web')).toEqual(['127.0.0.1\tlocalhost', ...both('web', 2), ...both('own', 4)]);
  await add('new', 5);
  const group = [...both('web', 2), ...both('new', 5), ...both('own', 4)];
  expect(linesOf('own')).toEqual(['10.9.9.9\tdb', ...group]);
  expect(linesOf('web').slice(1)).toEqual(group);
  expect(statSync(fileOf('new')).ino).toBe(ino);
});

it('removes the files of groups that have no members after a restart', async () => {
  await add('web', 2);
  names = newNames();
  await names.renew();
  expect(readdirSync(join(directory, 'groups'))).toEqual([]);
});

it('joins a thousand members without work that grows with their square', async () => {
  const begun = process.cpuUsage();
  for (let i = 0; i < 1000; i++) await add(`m${i}`, i % 250);
  const { user, system } = process.cpuUsage(begun);
  expect(linesOf('m0').length).toBe(2001);
  expect((user + system) / 1000).toBeLessThan(5000); // some 200 ms; a thousand files for each member take minutes
});

it('takes names away after a restart where no member shares a file', async () => {
  await add('own', 2, '10.9.9.9\tdb\n');
  await add('gone', 3, '10.9.9.8\tdb\n');
  names = newNames();
  names.adopt('shop', { id: 'own', file: fileOf('own'), lease: leaseOf(2) });
  await names.renew();
  expect(linesOf('own')).toEqual(['10.9.9.9\tdb', ...both('own', 2)]);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BlockIo,
  type DeviceIo,
  IO_KEYS,
  type IoCounters,
  parseIoStat,
  sumIo,
} from '../../../src/accounting/block-io.js';
import { indexColumns } from '../../../src/accounting/columns.js';

/** A line of io.stat: what was read and written, in bytes and in operations. */
const line = (device: string, [rbytes, wbytes]: [number, number], [rios, wios]: [number, number] = [0, 0]) =>
  `${device} rbytes=${rbytes} wbytes=${wbytes} rios=${rios} wios=${wios} dbytes=0 dios=0\n`;
const MIB = 1024 * 1024;

function summed(text: string, below: Record<string, string[]>) {
  const { sums, devices } = sumIo(parseIoStat(text), (device) => below[device] ?? []);
  const counted = Object.fromEntries(devices.map((device) => [device.device, device.counted.join(' ')]));
  return { rbytes: sums.rbytes, wbytes: sums.wbytes, rios: sums.rios, wios: sums.wios, counted };
}

const ALL = IO_KEYS.join(' ');

describe('block I/O', () => {
  it('of disks that have nothing to do with each other is the sum', () => {
    expect(summed(line('8:0', [1, 2], [3, 4]) + line('254:0', [10, 20], [30, 40]), {})).toEqual({
      ...{ rbytes: 11, wbytes: 22, rios: 33, wios: 44 },
      counted: { '8:0': ALL, '254:0': ALL },
    });
  });

  // As io.stat of Linux 6.1 has it for 8 MiB each.
  const stacks: [string, string, Record<string, string[]>, number, number][] = [
    ['dm-linear', line('7:1', [0, 8 * MIB]) + line('253:0', [0, 8 * MIB]), { '253:0': ['7:1'] }, 0, 8 * MIB],
    [
      'RAID 1',
      line('7:2', [0, 8 * MIB]) + line('7:1', [0, 8 * MIB]) + line('9:0', [0, 8 * MIB]),
      { '9:0': ['7:1', '7:2'] },
      0,
      8 * MIB,
    ],
    [
      'RAID 0',
      line('7:2', [0, 4 * MIB]) + line('7:1', [0, 4 * MIB]) + line('9:0', [0, 8 * MIB]),
      { '9:0': ['7:1', '7:2'] },
      0,
      8 * MIB,
    ],
    ['RAID 5', line('9:0', [0, 8 * MIB]), { '9:0': ['7:1', '7:2', '7:3'] }, 0, 8 * MIB],
    ['a loop device, read', line('254:0', [8667136, 0]) + line('7:0', [8 * MIB, 0]), { '7:0': ['254:0'] }, 8667136, 0],
    [
      'a loop device, written later',
      line('7:0', [0, 8 * MIB]) + line('254:0', [0, 0]),
      { '7:0': ['254:0'] },
      0,
      8 * MIB,
    ],
    [
      'device mapper on a loop device on a disk',
      line('254:0', [0, 8.4 * MIB]) + line('7:0', [0, 8 * MIB]) + line('253:0', [0, 8 * MIB]),
      { '253:0': ['7:0'], '7:0': ['254:0'] },
      0,
      8.4 * MIB,
    ],
    [
      'device mapper on a device that the kernel charges to nobody, on a disk',
      line('254:0', [0, 8 * MIB]) + line('253:0', [0, 8 * MIB]),
      { '253:0': ['7:0'], '7:0': ['254:0'] },
      0,
      8 * MIB,
    ],
  ];
  it.each(stacks)('through %s is counted once', (_, text, below, rbytes, wbytes) => {
    expect(summed(text, below)).toMatchObject({ rbytes, wbytes });
  });

  it('on a disk and on a volume of it is both, and says which figures count', () => {
    const text = line('254:0', [5, 11], [1, 4]) + line('253:0', [0, 8], [0, 9]);
    expect(summed(text, { '253:0': ['254:0'] })).toEqual({
      ...{ rbytes: 5, wbytes: 11, rios: 1, wios: 9 },
      counted: { '254:0': 'rbytes wbytes rios', '253:0': 'wios dbytes dios' },
    });
  });

  it('on two volumes of a disk is that of both, where the disk has it all or nothing of it', () => {
    const volumes = line('253:0', [0, 8]) + line('253:1', [0, 4]);
    const below = { '253:0': ['254:0'], '253:1': ['254:0'] };
    expect(summed(volumes, below).wbytes).toBe(12);
    expect(summed(volumes + line('254:0', [0, 12]), below).wbytes).toBe(12);
    expect(summed(volumes + line('254:0', [0, 13]), below).wbytes).toBe(13);
  });
});

const NOTHING: IoCounters = { rbytes: 0, wbytes: 0, rios: 0, wios: 0, dbytes: 0, dios: 0 };
const figures = fc.record({ rbytes: fc.nat(99), wbytes: fc.nat(99), rios: fc.nat(9), wios: fc.nat(9) });
const devices = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });
const topology = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd', 'e', 'x'),
  fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'x'), { maxLength: 3 }),
  { noNullPrototype: true },
);

describe('any devices, whatever is below what', () => {
  it('sum to the figures that count, to no less than the largest and no more than all', () => {
    fc.assert(
      fc.property(devices, topology, fc.array(figures, { minLength: 5, maxLength: 5 }), (names, below, values) => {
        const list = names.map((device, i): DeviceIo => ({ ...NOTHING, ...values[i], device }));
        const { sums, devices: told } = sumIo(list, (device) => below[device] ?? []);
        for (const key of IO_KEYS) {
          const all = list.map((device) => device[key]);
          expect(sums[key]).toBe(told.reduce((sum, d) => sum + (d.counted.includes(key) ? d[key] : 0), 0));
          expect(sums[key]).toBeGreaterThanOrEqual(Math.max(...all));
          expect(sums[key]).toBeLessThanOrEqual(all.reduce((a, b) => a + b, 0));
        }
      }),
    );
  });

  it('never sum to less when more was done', () => {
    fc.assert(
      fc.property(
        devices,
        topology,
        fc.array(figures, { minLength: 5, maxLength: 5 }),
        fc.array(figures, { minLength: 5, maxLength: 5 }),
        (names, below, values, more) => {
          const of = (at: (i: number) => Partial<IoCounters>) =>
            sumIo(
              names.map((device, i) => ({ ...NOTHING, ...at(i), device })),
              (device) => below[device] ?? [],
            ).sums;
          const before = of((i) => ({ ...values[i] }));
          const after = of((i) => ({
            rbytes: (values[i]?.rbytes ?? 0) + (more[i]?.rbytes ?? 0),
            wbytes: (values[i]?.wbytes ?? 0) + (more[i]?.wbytes ?? 0),
            rios: 0,
            wios: 0,
          }));
          expect(after.rbytes).toBeGreaterThanOrEqual(before.rbytes);
          expect(after.wbytes).toBeGreaterThanOrEqual(before.wbytes);
        },
      ),
    );
  });
});

describe('the block I/O of a container', () => {
  const columns = indexColumns([...IO_KEYS, 'devices'].map((key) => `io.stat:${key}`));
  const rowOf = (wbytes: number, number: number) => Float64Array.of(0, wbytes, 0, 0, 0, 0, number);

  it('asks how devices are stacked only when a new one shows up', () => {
    const asked: string[] = [];
    const io = new BlockIo((device) => {
      asked.push(device);
      return device === '253:0' ? ['254:0'] : [];
    });
    expect(io.sum(line('254:0', [0, 8])).sums.wbytes).toBe(8);
    expect(asked).toEqual([]);
    const both = line('254:0', [0, 8]) + line('253:0', [0, 8]);
    for (let i = 0; i < 3; i++) expect(io.sum(both).sums.wbytes).toBe(8);
    expect(asked.sort()).toEqual(['253:0', '254:0']);
  });

  it('corrects a reading, and asks for the text only where devices are stacked', () => {
    const texts: string[] = [];
    const corrected = (io: BlockIo, row: Float64Array, text: string) => {
      io.correct(row, columns, () => {
        texts.push(text);
        return text;
      });
      return row[1];
    };
    const stacked = new BlockIo((device) => (device === '253:0' ? ['254:0'] : []));
    expect(corrected(stacked, rowOf(8, 1), '')).toBe(8);
    expect(corrected(stacked, rowOf(16, 2), line('254:0', [0, 8]) + line('253:0', [0, 8]))).toBe(8);
    expect(corrected(stacked, rowOf(18, 2), line('254:0', [0, 9]) + line('253:0', [0, 9]))).toBe(9);
    expect(texts).toHaveLength(2);
    const apart = new BlockIo(() => []);
    for (let i = 0; i < 3; i++)
      expect(corrected(apart, rowOf(16, 2), line('254:0', [0, 8]) + line('8:0', [0, 8]))).toBe(16);
    expect(texts).toHaveLength(3);
    expect(corrected(apart, Float64Array.of(...IO_KEYS.map(() => Number.NaN), Number.NaN), '')).toBeNaN();
  });
});

import { describe, expect, it } from 'vitest';
import { askedProperties, scopeProperties } from '../../../../src/plan/oci/scope-properties.js';

const INFINITY = 2n ** 64n - 1n;
const propertiesOf = (writes: Record<string, string>) =>
  scopeProperties(Object.entries(writes).map(([file, value]) => ({ file, value })));

describe('the properties of a scope', () => {
  it.each<[file: string, value: string, properties: unknown[]]>([
    ['memory.max', '104857600', [['MemoryMax', 't', 104_857_600n]]],
    ['memory.max', '1g', [['MemoryMax', 't', 2n ** 30n]]],
    ['memory.max', 'max', [['MemoryMax', 't', INFINITY]]],
    ['memory.max', '5\nDelegate=no', []],
    ['memory.max', '999999999999999999T', [['MemoryMax', 't', INFINITY]]],
    ['memory.high', '4096', [['MemoryHigh', 't', 4096n]]],
    ['memory.low', 'max', [['MemoryLow', 't', INFINITY]]],
    ['memory.min', '5', [['MemoryMin', 't', 5n]]],
    ['memory.swap.max', '0', [['MemorySwapMax', 't', 0n]]],
    ['memory.oom.group', '1', []],
    ['cpu.weight', '39', [['CPUWeight', 't', 39n]]],
    ['cpu.idle', '1', [['CPUWeight', 't', 0n]]],
    ['cpu.idle', '0', [['CPUWeight', 't', 100n]]],
    ['io.max', '8:0 rbps=1', []],
  ])('are those that are asked for: %s %j', (file, value, properties) => {
    expect(propertiesOf({ [file]: value })).toEqual(properties);
  });

  it.each<[value: string, perSecond: bigint, period: bigint]>([
    ['50000 100000', 500_000n, 100_000n],
    ['max 100000', INFINITY, 100_000n],
    ['100000', 1_000_000n, 100_000n],
    ['1000 3000', 340_000n, 3000n], // a third, rounded up to hundredths
  ])('of cpu.max %j are a share and a period', (value, perSecond, period) => {
    expect(propertiesOf({ 'cpu.max': value })).toEqual([
      ['CPUQuotaPerSecUSec', 't', perSecond],
      ['CPUQuotaPeriodUSec', 't', period],
    ]);
  });

  it('have room for the process that keeps the scope', () => {
    expect(propertiesOf({ 'pids.max': '20' })).toEqual([['TasksMax', 't', 21n]]);
    expect(propertiesOf({ 'pids.max': 'max' })).toEqual([['TasksMax', 't', INFINITY]]);
  });

  it.each<[list: string, bytes: number[]]>([
    ['0', [1]],
    ['0-3,5', [0b101111]],
    ['1,8-9', [2, 3]],
    ['', []],
    ['x,7', [128]],
  ])('have a bit for each processor of %j', (list, bytes) => {
    expect(propertiesOf({ 'cpuset.cpus': list })).toEqual([['AllowedCPUs', 'ay', new Uint8Array(bytes)]]);
    expect(propertiesOf({ 'cpuset.mems': list })).toEqual([['AllowedMemoryNodes', 'ay', new Uint8Array(bytes)]]);
  });

  it.each([
    ['default 7', [['IOWeight', 't', 7n]]],
    ['7', [['IOWeight', 't', 7n]]],
    ['8:0 100', [['IODeviceWeight', 'a(st)', [['/dev/block/8:0', 100n]]]]],
    ['7\nDelegate=no', [['IOWeight', 't', 7n]]],
    ['/dev/sda 100', []],
  ])('of io.weight %j', (value, properties) => {
    expect(propertiesOf({ 'io.weight': value })).toEqual(properties);
  });
});

describe('a property that an annotation asks for', () => {
  const asked = (name: string, text: string) => askedProperties({ [`org.systemd.property.${name}`]: text })[0];

  it.each([
    ['CollectMode', "'inactive-or-failed'", ['CollectMode', 's', 'inactive-or-failed']],
    ['Documentation', '["man:a(1)", \'man:b(1)\']', ['Documentation', 'as', ['man:a(1)', 'man:b(1)']]],
    ['After', '[ ]', ['After', 'as', []]],
    ['SendSIGHUP', 'true', ['SendSIGHUP', 'b', true]],
    ['TimeoutStopUSec', 'uint64 123456789', ['TimeoutStopUSec', 't', 123_456_789n]],
    ['TimeoutStopSec', '3', ['TimeoutStopUSec', 't', 3_000_000n]],
    ['KillSignal', '9', ['KillSignal', 'i', 9]],
    ['TasksMax', '@t 5', ['TasksMax', 't', 5n]],
  ])('%s: %s', (name, text, property) => {
    expect(asked(name, text)).toEqual(property);
  });

  it.each([
    ['Slice', "'a.slice'", 'niwad sets this property itself'],
    ['a b', 'true', 'no property of a unit has this name'],
    ['KillSignal', 'nine', 'it has to be true, false'],
    ['KillSignal', '2147483648', 'it has to be true, false'],
    ['TasksMax', 'uint64 -1', 'it has to be true, false'],
    ['After', `[${' '.repeat(100_000)}x]`, 'it has to be true, false'],
    ['Description', "'it''s'", 'it has to be true, false'],
    ['Description', "'a\0b'", 'it has to be true, false'],
    ['TimeoutStopSec', 'uint64 18446744073709551615', 'it may be at most 18446744073709 seconds'],
  ])('%s as %j is refused', (name, text, message) => {
    expect(() => asked(name, text)).toThrow(message);
  });
});

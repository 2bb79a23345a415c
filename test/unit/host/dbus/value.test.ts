import { describe, expect, it } from 'vitest';
import { type BusValue, decode, encode, typesOf } from '../../../../src/host/dbus/value.js';

it('a signature has its types one by one', () => {
  expect(typesOf('ssa(sv)a(sa(sv))aay')).toEqual(['s', 's', 'a(sv)', 'a(sa(sv))', 'aay']);
  expect(typesOf('')).toEqual([]);
});

describe('values in bytes', () => {
  it.each<[signature: string, values: BusValue[], hex: string]>([
    ['u', [0x01020304], '04030201'],
    ['yu', [1, 2], '01000000 02000000'],
    ['b', [true], '01000000'],
    ['t', [2n ** 64n - 1n], 'ffffffff ffffffff'],
    ['s', ['foo'], '03000000 666f6f00'],
    ['g', ['a(sv)'], '05 6128737629 00'],
    ['au', [[7]], '04000000 07000000'],
    ['at', [[]], '00000000 00000000'], // padded to the first element, also without one
    ['ay', [new Uint8Array([1, 2])], '02000000 0102'],
    ['v', [{ type: 'u', value: 1 }], '01 75 00 00 01000000'],
    ['a(sv)', [[['a', { type: 'b', value: false }]]], '10000000 00000000 01000000 6100 01 62 00 000000 00000000'],
  ])('%s', (signature, values, hex) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    expect(encode(signature, values).toString('hex')).toBe(bytes.toString('hex'));
    const read = signature === 'ay' ? [[1, 2]] : values;
    expect(decode(signature, bytes)).toEqual({ values: read, end: bytes.length });
  });

  it('that end early are refused', () => {
    for (const [signature, hex] of [
      ['u', '0100'],
      ['s', '05000000 616200'],
      ['as', 'ffffff7f 00'],
      ['a(sv)', '10000000 00000000 01000000'],
    ] as const)
      expect(() => decode(signature, Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toThrow(RangeError);
  });

  it('of a type that is not known are refused', () => {
    expect(() => encode('h', [0])).toThrow('D-Bus type "h"');
    expect(() => decode('a()', Buffer.from('0800000000000000 0000000000000000'.replace(' ', ''), 'hex'))).toThrow(
      'fields',
    );
  });
});

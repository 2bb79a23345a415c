import { endianness } from 'node:os';
import { describe, expect, it } from 'vitest';
import { encodeProgram } from '../../../src/plan/encode.js';
import { mkdir, rlimit, symlink, wait } from '../../../src/plan/ops.js';

describe('a program in bytes', () => {
  it.runIf(endianness() === 'LE')('has the layout of native/boot/program.h', () => {
    const bytes = encodeProgram([mkdir('/a', 0o755, 'root', { uid: 5, gid: 6 }), wait()]);
    const expected = [
      '6e697761 02000000 37000000', // "niwa", two operations, 55 bytes
      '0800 0400 01000000', // mkdir: four integers, one string
      'ed01000000000000 0100000000000000', // 0755, in the root
      '0500000000000000 0600000000000000', // of user 5, group 6
      '02000000 2f61 00', // "/a"
      '1900 0000 00000000', // wait
    ];
    expect(Buffer.from(bytes).toString('hex')).toBe(expected.join('').replaceAll(' ', ''));
  });

  it('has no operation with more numbers than it can count', () => {
    const many = { ...mkdir('/a', 0o755), numbers: Array.from({ length: 0x1_0000 }, () => 1) };
    expect(() => encodeProgram([many])).toThrow('mkdir has 65536 numbers, and may have 65535');
  });

  it('holds no operations but its header', () => {
    expect(encodeProgram([])).toHaveLength(12);
  });

  it('counts the bytes of a string, not its characters', () => {
    const bytes = Buffer.from(encodeProgram([symlink('ä', '名')]));
    expect(bytes.subarray(20)).toEqual(Buffer.from('\x02\0\0\0ä\0\x03\0\0\0名\0'));
  });

  it('writes integers of 64 bits whole', () => {
    const bytes = Buffer.from(encodeProgram([rlimit('core', Number.MAX_SAFE_INTEGER, 'unlimited')]));
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const little = endianness() === 'LE';
    expect(view.getBigUint64(28, little)).toBe(2n ** 53n - 1n);
    expect(view.getBigUint64(36, little)).toBe(2n ** 64n - 1n);
  });

  it.each([1.5, Number.NaN, Number.POSITIVE_INFINITY])('has no number that is no integer: %s', (number) => {
    expect(() => encodeProgram([rlimit('core', number, 'unlimited')])).toThrow(RangeError);
  });
});

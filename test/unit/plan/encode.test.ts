import { endianness } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { encodeProgram, fillProgram, openProgram } from '../../../src/plan/encode.js';
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

describe('a program with holes', () => {
  const isOpen = (argument: unknown) => argument === '/open' || argument === 7;

  it.each([
    ['none', [mkdir('/a', 0o755), wait()]],
    ['some', [mkdir('/open', 7), wait(), symlink('/a', '/open'), symlink('/open', '/open'), wait()]],
    ['no operations', []],
  ])('is the same program once they are filled in: %s', (_, ops) => {
    const open = openProgram(ops, isOpen);
    expect(Buffer.from(fillProgram(open, (blank) => blank))).toEqual(Buffer.from(encodeProgram(ops)));
  });

  it('is one piece between two holes', () => {
    const { pieces } = openProgram([wait(), mkdir('/a', 0o755), symlink('/a', '/open'), wait(), wait()], isOpen);
    expect(pieces.map((piece) => piece instanceof Uint8Array)).toEqual([true, false, true]);
  });

  it('copies each byte once, however many operations it has', () => {
    const copied = vi.spyOn(Buffer, 'concat');
    const ops = Array.from({ length: 1000 }, (_, i) => mkdir(`/${i}`, 0o755));
    openProgram(ops, isOpen);
    const bytes = copied.mock.results.reduce((sum, { value }) => sum + (value as Buffer).length, 0);
    copied.mockRestore();
    expect(bytes).toBeLessThanOrEqual(encodeProgram(ops).length);
  });
});

import { describe, expect, it } from 'vitest';
import { signalName, signalNumber } from '../../../src/spec/signals.js';

describe('signals', () => {
  it.each([
    [15, 15],
    ['15', 15],
    ['TERM', 15],
    ['SIGTERM', 15],
    ['sigterm', 15],
    [1, 1],
    [64, 64],
    ['42', 42],
    ['SIG42', 42],
  ])('reads %j as signal %i', (input, number) => {
    expect(signalNumber(input)).toBe(number);
  });

  it.each([0, 65, -1, 1.5, '0', '65', '', 'SIG', 'NOPE', 'SIGSIGTERM', 'TERM ', 'constructor', '__proto__'])(
    'knows no signal %j',
    (input) => {
      expect(signalNumber(input)).toBeUndefined();
    },
  );

  it('reads every name that it gives', () => {
    const numbers = Array.from({ length: 64 }, (_, i) => i + 1);
    expect(numbers.map((number) => signalNumber(signalName(number)))).toEqual(numbers);
  });

  it.each([
    [9, 'SIGKILL'],
    [15, 'SIGTERM'],
    [42, 'SIG42'],
  ])('calls signal %i %s', (number, name) => {
    expect(signalName(number)).toBe(name);
  });
});

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
    ['RTMIN', 34],
    ['SIGRTMIN+0', 34],
    ['SIGRTMIN+3', 37],
    ['sigrtmin+3', 37],
    ['RTMIN+30', 64],
    ['RTMAX', 64],
    ['SIGRTMAX-14', 50],
    ['RTMAX-30', 34],
  ])('reads %j as signal %i', (input, number) => {
    expect(signalNumber(input)).toBe(number);
  });

  it.each([
    ...[0, 65, -1, 1.5, '0', '65', '', 'SIG', 'NOPE', 'SIGSIGTERM', 'TERM ', 'constructor', '__proto__'],
    ...['RTMIN+31', 'RTMAX-31', 'RTMIN-1', 'RTMAX+1', 'RTMIN+', 'RTMIN3', 'RTMIN+-1', 'RTMIN+1e0', 'TERM+1'],
  ])('knows no signal %j', (input) => {
    expect(signalNumber(input)).toBeUndefined();
  });

  it('reads every name that it gives', () => {
    const numbers = Array.from({ length: 64 }, (_, i) => i + 1);
    expect(numbers.map((number) => signalNumber(signalName(number)))).toEqual(numbers);
  });

  it.each([
    [9, 'SIGKILL'],
    [15, 'SIGTERM'],
    [33, 'SIG33'],
    [34, 'SIGRTMIN'],
    [37, 'SIGRTMIN+3'],
    [49, 'SIGRTMIN+15'],
    [50, 'SIGRTMAX-14'],
    [64, 'SIGRTMAX'],
  ])('calls signal %i %s', (number, name) => {
    expect(signalName(number)).toBe(name);
  });
});

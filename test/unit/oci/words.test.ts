import { describe, expect, it } from 'vitest';
import { wordsOf } from '../../../src/oci/words.js';
import { NiwaError } from '../../../src/protocol/errors.js';

const failed = (operation: string, errno: string) =>
  new NiwaError('START_FAILED', 'it did not start', {
    details: { step: { number: 1, total: 2, operation, text: 'a step', errno } },
  });

describe('the words of an error', () => {
  it.each([
    ['find_program', 'ENOENT', 'sh', 'exec: "sh": executable file not found in $PATH'],
    ['find_program', 'ENOENT', '/bin/x', 'exec: "/bin/x": stat /bin/x: no such file or directory'],
    ['find_program', 'EACCES', '/etc', 'exec: "/etc": permission denied'],
    ['exec', 'ENOEXEC', 'x', 'exec: "x": exec format error'],
    ['bind', 'ENOENT', 'x', 'it did not start (no such file or directory)'],
  ])('of %s with %s are those that engines look for', (operation, errno, program, words) => {
    expect(wordsOf(failed(operation, errno), program)).toBe(words);
  });
});

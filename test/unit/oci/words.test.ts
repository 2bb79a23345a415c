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
    [
      'mount',
      'EINVAL',
      'x',
      'it did not start (Invalid argument: the file system does not know an option, or does not take its value)',
    ],
    ['hook', 'exit status 1', 'x', 'error a step: error running hook: exit status 1'],
    [
      'hook',
      'exit status 159',
      'x',
      'error a step: error running hook: exit status 159, by SIGSYS: bad system call, which a seccomp filter forbids',
    ],
  ])('of %s with %s are those that engines look for', (operation, errno, program, words) => {
    expect(wordsOf(failed(operation, errno), program)).toBe(words);
  });

  it('of a mount name what has to be there', () => {
    const step = { number: 1, total: 2, operation: 'mount', text: 'mount proc on /proc', errno: 'ENOENT' };
    const error = new NiwaError('START_FAILED', 'it did not start', { details: { step } });
    expect(wordsOf(error, 'x')).toContain('it must be mounted on ordinary directory');
  });
});

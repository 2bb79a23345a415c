import { expect, it } from 'vitest';
import { lockHolders } from '../../../src/daemon/lock.js';

const LOCKS = `1: FLOCK  ADVISORY  WRITE 4242 00:1a:1234 0 EOF
1: -> FLOCK  ADVISORY  WRITE 4243 00:1a:1234 0 EOF
2: POSIX  ADVISORY  WRITE 4244 00:1a:1234 0 EOF
3: FLOCK  ADVISORY  READ  4245 fe:01:1234 0 EOF
4: FLOCK  ADVISORY  WRITE 4246 00:1a:12345 0 EOF
5: OFDLCK ADVISORY  READ  -1 00:06:1234 0 0
`;

it('finds who holds flock on a file, and neither who waits for it nor other locks', () => {
  expect(lockHolders(LOCKS, 1234)).toEqual([4242, 4245]);
  expect(lockHolders('', 1234)).toEqual([]);
});

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { toErrorReply } from '../../../src/api/errors.js';
import { NiwaError } from '../../../src/protocol/errors.js';

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** As Node.js throws it. */
const systemError = (code: string, syscall: string) =>
  Object.assign(new Error(`${code}: words of the kernel, ${syscall} '/run/x'`), { code, syscall, errno: -1 });

describe('the answer to an error', () => {
  it.each(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'])(
    'is a fault of the host, with a cure, for %s',
    (code) => {
      const { status, body } = toErrorReply(systemError(code, 'open'));
      expect([status, body.code]).toEqual([500, 'HOST_ERROR']);
      expect(body.message).toMatch(new RegExp(`${code}: .*'/run/x'; .+`));
    },
  );

  it('is a fault of the host for whatever a system call really gives', () => {
    const missing = thrownBy(() => readFileSync('/no/such/file'));
    expect(toErrorReply(missing).body).toMatchObject({
      code: 'HOST_ERROR',
      message: expect.stringContaining('ENOENT'),
    });
    const full = thrownBy(() => writeFileSync('/dev/full', 'x'));
    expect(toErrorReply(full).body.message).toMatch(/ENOSPC.*inodes/);
  });

  it('is a defect for what no system call has thrown', () => {
    expect(toErrorReply(new TypeError('x is not a function'))).toMatchObject({
      status: 500,
      body: { code: 'INTERNAL' },
    });
    const ofNode = thrownBy(() => Buffer.alloc(-1)); // it has a code, but no system call
    expect(toErrorReply(ofNode).body.code).toBe('INTERNAL');
  });

  it("keeps niwa's own errors as they are", () => {
    expect(toErrorReply(new NiwaError('NOT_FOUND', 'nobody'))).toEqual({
      status: 404,
      body: { code: 'NOT_FOUND', message: 'nobody' },
    });
  });
});

import { expect, it } from 'vitest';
import { describeError, makeLog } from '../../../src/daemon/log.js';
import { NiwaError } from '../../../src/protocol/errors.js';

function written(write: (log: ReturnType<typeof makeLog>) => void): string[] {
  const lines: string[] = [];
  write(makeLog('info', { write: (line) => void lines.push(line) }));
  return lines;
}

it('names levels', () => {
  const lines = written((log) => {
    log.debug('not written');
    log.info('a');
    log.error({ id: 'web' }, 'b');
  });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'info', msg: 'a' },
    { level: 'error', id: 'web', msg: 'b' },
  ]);
});

it('writes what a terminal would execute or hide so that JSON reads the same', () => {
  const text = 'a\u001b[2J\u0085\u009b31m\u202e\u2028\u200b\ufeffü€\u{1f600}';
  const [line = ''] = written((log) => log.info({ text }, text));
  expect(line).toMatch(/^[ -~ü€\u{1f600}]*\n$/u);
  expect(JSON.parse(line)).toMatchObject({ text, msg: text });
});

it('gives usual failures without a stack, and defects with it', () => {
  const full = Object.assign(new Error('ENOSPC: no room'), { code: 'ENOSPC', syscall: 'write' });
  const host = new NiwaError('HOST_ERROR', 'cannot write', { cause: full });
  expect(describeError(host)).toEqual({ code: 'HOST_ERROR', message: 'cannot write', cause: 'ENOSPC: no room' });
  expect(describeError(full)).toEqual({ code: 'ENOSPC', message: 'ENOSPC: no room' });
  for (const defect of [
    new TypeError('x is undefined'),
    new NiwaError('INTERNAL', 'a defect'),
    new NiwaError('HOST_ERROR', 'cannot', { cause: new TypeError('x is undefined') }),
  ])
    expect(describeError(defect)).toMatchObject({ stack: expect.stringContaining('log.test') });
});

it('bounds the message of an error', () => {
  const { message } = describeError(new NiwaError('SPEC_INVALID', 'x'.repeat(1e6))) as { message: string };
  expect(message.length).toBeLessThan(2100);
});

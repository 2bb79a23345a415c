import { expect, it } from 'vitest';
import { lineStamper } from '../../../src/cli/print-logs.js';
import type { LogChunk } from '../../../src/protocol/logs.js';

const chunk = (time: string, stream: 'stdout' | 'stderr', text: string): LogChunk => ({
  time,
  stream,
  data: Buffer.from(text, 'latin1'),
});

it('puts its time in front of each line, once where the line comes in pieces, for each stream alone', () => {
  const stamp = lineStamper();
  const lines = [
    chunk('T1', 'stdout', 'a\nb'),
    chunk('T2', 'stderr', 'x'),
    chunk('T3', 'stdout', 'b\n\n'),
    chunk('T4', 'stderr', 'y\n\xff'),
    chunk('T5', 'stdout', ''),
  ].map((one) => stamp(one).toString('latin1'));
  expect(lines).toEqual(['T1 a\nT1 b', 'T2 x', 'b\nT3 \n', 'y\nT4 \xff', '']);
});

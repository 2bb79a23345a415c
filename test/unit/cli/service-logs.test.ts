import { expect, it } from 'vitest';
import { stampedLines } from '../../../src/cli/service-logs.js';
import type { ServiceLogChunk } from '../../../src/protocol/logs.js';

async function* piecesOf(
  ...pieces: [instance: string, text: string, stream?: 'stderr'][]
): AsyncGenerator<ServiceLogChunk> {
  for (const [i, [instance, text, stream = 'stdout']] of pieces.entries())
    yield { instance, time: `t${i}`, stream, data: Buffer.from(text) };
}

async function linesOf(chunks: AsyncIterable<ServiceLogChunk>, timestamps = false): Promise<string[]> {
  const lines: string[] = [];
  for await (const { stream, data } of stampedLines(chunks, timestamps)) lines.push(`${stream}: ${data}`);
  return lines;
}

it('puts the instance before each line, and never mixes two', async () => {
  const pieces = piecesOf(['a', 'one\ntw'], ['b', 'x'], ['a', 'o\n'], ['b', 'y\n'], ['a', 'err\n', 'stderr']);
  expect(await linesOf(pieces)).toEqual(['stdout: a one\n', 'stdout: a two\n', 'stdout: b xy\n', 'stderr: a err\n']);
});

it('gives a line the time of its beginning, and the last one a line end', async () => {
  expect(await linesOf(piecesOf(['a', 'on'], ['a', 'e\ntwo']), true)).toEqual([
    'stdout: a t0 one\n',
    'stdout: a t1 two\n',
  ]);
});

it('does not hold a line without end for ever', async () => {
  const endless = 'x'.repeat(70_000);
  expect(await linesOf(piecesOf(['a', endless], ['a', 'y\n']))).toEqual([`stdout: a ${endless}\n`, 'stdout: a y\n']);
});

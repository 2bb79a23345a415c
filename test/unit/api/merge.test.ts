import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { mergeAsTheyCome, mergeByTime } from '../../../src/api/merge.js';

async function* of(...times: string[]) {
  for (const time of times) yield { time };
}

async function* late(ms: number, ...times: string[]) {
  await sleep(ms);
  yield* of(...times);
}

async function* nothing<T>(): AsyncGenerator<T> {}

async function timesOf(values: AsyncIterable<{ time: string }>): Promise<string> {
  let times = '';
  for await (const { time } of values) times += time;
  return times;
}

it('merges in the order of time, and waits for the slow', async () => {
  expect(await timesOf(mergeByTime([of('a', 'd', 'e'), late(20, 'b', 'c'), of(), of('f')]))).toBe('abcdef');
  expect(await timesOf(mergeByTime([]))).toBe('');
});

it('waits for nobody who says nothing, and takes who begins later', async () => {
  async function* more() {
    yield late(60, 'g');
    await sleep(30);
    yield of('f');
  }
  expect(await timesOf(mergeAsTheyCome([of('a', 'c'), late(10, 'd'), of('b')], more()))).toBe('abcdfg');
  expect(await timesOf(mergeAsTheyCome([of('a')], nothing()))).toBe('a');
});

it('hands on an error that comes while nobody reads, when somebody reads again', async () => {
  async function* broken(): AsyncGenerator<{ time: string }> {
    yield { time: 'a' };
    throw new Error('the disk is broken');
  }
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  for (const merge of [mergeByTime([broken()]), mergeAsTheyCome([broken()], nothing())]) {
    expect(await merge.next()).toMatchObject({ value: { time: 'a' } });
    await sleep(10); // the source fails now
    await expect(merge.next()).rejects.toThrow('the disk is broken');
  }
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

it('hands on the error of a source', async () => {
  async function* broken(): AsyncGenerator<{ time: string }> {
    yield { time: 'a' };
    throw new Error('the disk is broken');
  }
  await expect(timesOf(mergeByTime([broken()]))).rejects.toThrow('the disk is broken');
  await expect(timesOf(mergeAsTheyCome([broken(), late(20, 'b')], nothing()))).rejects.toThrow('the disk is broken');
});

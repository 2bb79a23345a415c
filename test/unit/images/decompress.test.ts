import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { openFilesLimit } from '../../../src/host/open-files.js';
import { decompressed } from '../../../src/images/decompress.js';
import { compressed, SKIPPABLE } from './compress.js';
import { streamOf } from './make-tar.js';

const TEXT = 'a tar, or not\n'.repeat(10_000);

async function readAll(source: AsyncIterable<Buffer>, maxBytes = TEXT.length): Promise<string> {
  const pieces = [];
  for await (const piece of decompressed(source, maxBytes)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
const read = (bytes: Buffer, maxBytes?: number, size?: number) => readAll(streamOf(bytes, size), maxBytes);

it.each(['gzip', 'zstd', 'xz', 'bzip2'] as const)(
  'what %s has compressed is read, to its end and no further',
  async (program) => {
    const bytes = await compressed(program, TEXT);
    expect(bytes.length).toBeLessThan(TEXT.length);
    expect((await read(bytes)) === TEXT).toBe(true);
    expect((await read(bytes, TEXT.length, 7)) === TEXT).toBe(true);
    await expect(read(bytes, TEXT.length - 1)).rejects.toMatchObject({
      message: expect.stringContaining('images.maxBytes'),
    });
    await expect(read(bytes.subarray(0, bytes.length - 9))).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
    const damaged = Buffer.from(bytes);
    damaged.fill(0xa5, 12, 40);
    await expect(read(damaged)).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
  },
);

it('frames of zstd that are to be skipped are', async () => {
  const frame = await compressed('zstd', TEXT.slice(0, 5000));
  const rest = await compressed('zstd', TEXT.slice(5000));
  for (const size of [1, 7, 100_000])
    expect(
      (await read(Buffer.concat([SKIPPABLE, frame, SKIPPABLE, rest, SKIPPABLE]), TEXT.length, size)) === TEXT,
    ).toBe(true);
});

it.each(['-1', '-19', '--no-check', '--long=25'])('zstd %s is read', async (flag) => {
  const text = Array.from({ length: 60_000 }, (_, i) => (i * 7919) % 65_536).join(' ');
  const { stdout } = await execa('zstd', ['-c', flag], { input: text, encoding: 'buffer' });
  for (const size of [1000, 1_000_000]) expect((await read(Buffer.from(stdout), 1e6, size)) === text).toBe(true);
});

/** Blocks of one byte each, which stand for 128 KiB. */
function zstdBomb(header: string, blocks: number): Buffer {
  const block = Buffer.from('02001000', 'hex');
  return Buffer.concat([Buffer.from(header, 'hex'), ...Array.from({ length: blocks }, () => block)]);
}

it('zstd is refused where it would take much memory, and holds nobody up', async () => {
  await expect(read(zstdBomb('28b52ffd00a0', 10))).rejects.toMatchObject({
    message: expect.stringContaining('window of 1073741824 bytes'),
  });
  await expect(read(zstdBomb('28b52ffde00000000001000000', 10))).rejects.toMatchObject({
    message: expect.stringContaining('window of 4294967296 bytes'),
  });
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  await expect(read(zstdBomb('28b52ffd0078', 100), 10e6)).rejects.toMatchObject({
    message: expect.stringContaining('maxBytes'),
  });
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(10);
});

it('what is not compressed is given as it is', async () => {
  for (const text of ['', 'BZh9', 'P*M', 'plain'.repeat(100)]) expect(await read(Buffer.from(text))).toBe(text);
});

it('what the source says goes through, and nobody is left waiting', async () => {
  const bytes = await compressed('xz', TEXT);
  const broken = async function* () {
    yield bytes.subarray(0, 100);
    throw new Error('gone');
  };
  await expect(readAll(broken())).rejects.toThrow('gone');
  const left = decompressed(streamOf(bytes), TEXT.length);
  await left.next();
  await left.return(undefined);
  expect((await execa('pgrep', ['-P', String(process.pid), 'xz'], { reject: false })).stdout).toBe('');
});

it("a program has not niwad's limit of open files", { tags: 'vm' }, async ({ skip }) => {
  const capabilities = /^CapEff:\s+(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  skip(((BigInt(`0x${capabilities}`) >> 24n) & 1n) === 0n, 'needs CAP_SYS_RESOURCE: the program is of another user');
  const bytes = await compressed('xz', TEXT);
  let limits = '';
  const source = async function* () {
    yield bytes.subarray(0, 100);
    const { stdout: pid } = await execa('pgrep', ['-P', String(process.pid), 'xz']);
    limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
    yield bytes.subarray(100);
  };
  await readAll(source());
  const { soft, hard } = openFilesLimit();
  expect(limits).toMatch(new RegExp(`^Max open files +${soft} +${hard} `, 'm'));
});

it('a program that is missing is named', async () => {
  const { PATH } = process.env;
  process.env.PATH = '/nowhere';
  try {
    const bytes = Buffer.from('fd377a585a000000000000', 'hex');
    await expect(read(bytes)).rejects.toMatchObject({
      code: 'HOST_ERROR',
      message: expect.stringContaining('xz-utils'),
    });
  } finally {
    process.env.PATH = PATH;
  }
});

it('gzip in members is read to the last', async () => {
  expect(await read(Buffer.concat([gzipSync('one'), gzipSync('two')]))).toBe('onetwo');
});

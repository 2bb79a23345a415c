import { execa } from 'execa';

/** Compresses bytes by a program of the host. */
export async function compressed(program: 'gzip' | 'zstd' | 'xz' | 'bzip2', bytes: Buffer | string): Promise<Buffer> {
  const { stdout } = await execa(program, ['-c'], { input: bytes, encoding: 'buffer' });
  return Buffer.from(stdout);
}

/** A frame of zstd that says nothing, RFC 8878 "Skippable Frames": magic, length, and as many bytes. */
export const SKIPPABLE = Buffer.concat([Buffer.from('552a4d1805000000', 'hex'), Buffer.from('abcde')]);

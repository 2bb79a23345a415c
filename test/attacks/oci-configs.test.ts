// Technique: a config that takes niwad so long that it serves nobody else. Each is a large one of its kind
// that is taken; /v1/health is asked all the while.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect } from 'vitest';
import { SLOWNESS } from '../integration/support/host.js';
import type { Niwad } from '../integration/support/niwad.js';
import { type Change, test } from './oci-attack.js';

/** Some 100 ms, and ten times as much on a machine with other work; a filter without bounds takes hours. */
const BOUND_MS = 5000 * SLOWNESS;
const MOST = 2000;

const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const condition = (index: number, value: number) => ({ index, value, op: 'SCMP_CMP_GE' });
/** Rules for a call that nobody makes. */
const rule = (args: object[], name = 'mkdir') => ({ names: [name], action: 'SCMP_ACT_ERRNO', args });
const filter = (syscalls: object[]) => ({ defaultAction: 'SCMP_ACT_ALLOW', syscalls });
/** Each rule has three conditions: with every further one, libseccomp takes several times as long. */
const combined = (count: number) => many(count, (i) => rule(many(3, (index) => condition(index, i))));

/** libseccomp 2.5.4 never ends with these two rules. */
const ENDLESS = [1, 2].map((index) => rule([condition(0, 1), condition(index, index)]));

const rulesOfDevices = (allowed: number) =>
  many(500, (i) => ({ allow: i % 2 === allowed, type: 'c', major: i, minor: i, access: 'rw' }));

const CHANGES: Record<string, Change> = {
  mounts: ({ mounts }) =>
    void mounts.push(...many(MOST, (i) => ({ destination: `/m${i}`, type: 'tmpfs', source: 'tmpfs', options: [] }))),
  'masked paths': ({ linux }) => {
    linux.maskedPaths = many(MOST, (i) => `/proc/${i}`);
  },
  'many rules of devices': ({ linux }) => {
    linux.resources = { devices: rulesOfDevices(0) };
  },
  'unknown fields': (config) => Object.assign(config, Object.fromEntries(many(MOST, (i) => [`u${i}`, 1]))),
  'a filter with rules of several conditions': ({ linux }) => {
    linux.seccomp = filter(combined(4));
  },
  'a filter of many rules': ({ linux }) => {
    linux.seccomp = filter(many(256, (i) => rule([condition(i % 6, i)], ['mkdir', 'rmdir', 'link', 'rename'][i % 4])));
  },
};

/** Gives the longest time, in ms, that niwad takes to answer anybody while something runs, and the result of that. */
async function longestWait<T>(niwad: Niwad, run: () => Promise<T>): Promise<{ longest: number; result: T }> {
  let [longest, isOver] = [0, false];
  const running = run().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const begun = performance.now();
    await niwad.client.health();
    longest = Math.max(longest, performance.now() - begun);
    await sleep(2); // it is no flood
  }
  return { longest, result: await running };
}

test.for(Object.keys(CHANGES))('large configs: %s hold up nobody', async (what, { oci, niwad }) => {
  const bundle = await oci.bundle('true', CHANGES[what]);
  const { longest, result } = await longestWait(niwad, () => oci.run('run', '--bundle', bundle, oci.id()));
  expect(longest).toBeLessThan(BOUND_MS);
  expect(result.exitCode).toBe(0);
});

test('large configs: while the kernel verifies the rules of devices of one, others start', async ({ oci }) => {
  const slow = await oci.bundle('true', ({ linux }) => {
    linux.resources = { devices: rulesOfDevices(1) }; // verified rules are kept: these are others
  });
  const plain = await oci.bundle('true');
  let isVerified = false;
  const verifying = oci.run('run', '--bundle', slow, oci.id()).finally(() => {
    isVerified = true;
  });
  await oci.done('run', '--bundle', plain, oci.id());
  expect(isVerified).toBe(false);
  expect((await verifying).stderr).toBe('');
});

test('large configs: more of each is refused', async ({ oci }) => {
  const refused = async (change: Change, words: string) => {
    const bundle = await oci.bundle('true', change);
    expect((await oci.run('run', '--bundle', bundle, oci.id())).stderr).toContain(words);
  };
  await refused(({ linux }) => {
    linux.seccomp = filter(combined(12));
  }, 'linux.seccomp.syscalls[4]: more than 729 combinations of conditions (args) of the call "mkdir", where one rule has');
  await refused(({ linux }) => {
    linux.seccomp = filter(ENDLESS);
  }, 'linux.seccomp.syscalls[1]: more than 1 use of an index and a value');
  await refused(({ linux }) => {
    linux.maskedPaths = many(5000, (i) => `/proc/${i}`);
  }, 'linux.maskedPaths: it has 5000 entries');
  await refused(({ process }) => {
    process.capabilities = { bounding: many(200_000, (i) => `CAP_${i}`) };
  }, 'process.capabilities.bounding: it has 200000 entries');
});

test('large configs, control: libseccomp compiles twenty rules of three conditions for a long time, and two for ever', async ({
  volume,
}) => {
  const compiler = fileURLToPath(new URL('../../dist/host/seccomp.js', import.meta.url));
  const program = join(volume, 'compile.mjs');
  const timed = async (rules: object[]) => {
    const text = `import { compileByLibseccomp } from ${JSON.stringify(compiler)};\ncompileByLibseccomp(${JSON.stringify(filter(rules))});\n`;
    writeFileSync(program, text);
    return (await execa('node', [program], { reject: false, timeout: 5000 * SLOWNESS })).timedOut;
  };
  expect(readFileSync(compiler, 'utf8')).toContain('compileByLibseccomp');
  expect(await timed(combined(2))).toBe(false);
  expect(await timed(combined(20))).toBe(true);
  expect(await timed(ENDLESS)).toBe(true);
});

// Technique: sockets that are not what they seem, where the command of an engine hands over a terminal or the listener of
// a filter: those of niwad itself, links, FIFOs, files, sockets of others, and such as never take anything.
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { execa } from 'execa';
import { describe, expect, vi } from 'vitest';
import { PATIENCE, scaled } from '../integration/support/host.js';
import type { Niwad } from '../integration/support/niwad.js';
import { NIWA_OCI, type Oci } from '../integration/support/oci.js';
import { compiled } from './attack.js';
import { listen } from './listener.js';
import { type Change, test } from './oci-attack.js';
import { BOUND_MS, slowestHealth } from './slowest-health.js';

/** How long others have to take what they get, and what a start takes beside. */
const DEADLINE_MS = scaled(10_000 + 5000);
const OTHER_USER = 65_534;
const ROUNDS = 15;
const MEBIBYTE = 2 ** 20;

const asksAgent =
  (path: string, metadata = 'x'.repeat(MEBIBYTE)): Change =>
  ({ linux }) => {
    linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: path,
      listenerMetadata: metadata,
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
    };
  };
const hasTerminal: Change = ({ process }) => {
  process.terminal = true;
};

/** The files that niwad has open, and that a listener or a terminal would be among. */
const taken = (niwad: Niwad) =>
  readdirSync(`/proc/${niwad.pid}/fd`)
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${niwad.pid}/fd/${fd}`)];
      } catch {
        return []; // it is closed by now
      }
    })
    .filter((target) => /seccomp|ptmx/.test(target));

/**
 * Makes a container, and meanwhile another one; gives what came of the first one, and how long niwad has made others
 * wait.
 */
async function makeBeside(niwad: Niwad, oci: Oci, change: Change, ...words: string[]) {
  const [bundle, plain] = [await oci.bundle('exec sleep 1000', change), await oci.bundle('true')];
  const id = oci.id();
  const begun = performance.now();
  const { slowest, result } = await slowestHealth(niwad.socket, async () => {
    const making = oci.make('create', '--bundle', bundle, ...words, id);
    await oci.done('run', '--bundle', plain, oci.id());
    return await making;
  });
  const tookMs = performance.now() - begun;
  if (result.exitCode === 0) await oci.done('delete', '--force', id);
  await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  expect(slowest).toBeLessThan(10 * BOUND_MS);
  expect(tookMs).toBeLessThan(DEADLINE_MS);
  return { ...result, tookMs };
}

describe('the socket of an agent', () => {
  test('that refuses, or is none, ends the create, and harms nobody', async ({ oci, niwad, volume }) => {
    const at = (name: string) => join(volume, name);
    const [file, fifo, link, nowhere] = [at('file'), at('fifo'), at('link'), at('nowhere')];
    writeFileSync(file, 'as it was');
    symlinkSync(file, link);
    await execa('mkfifo', [fifo]);
    for (const path of [file, fifo, link]) {
      const { exitCode, message } = await makeBeside(niwad, oci, asksAgent(path));
      expect([exitCode, message]).toEqual([1, `failed to connect with seccomp agent ${path}: connection refused`]);
    }
    expect((await makeBeside(niwad, oci, asksAgent(nowhere))).message).toMatch(/no such file or directory$/);
    expect(readFileSync(file, 'utf8')).toBe('as it was');
  });

  test.for(['full', 'mute'] as const)(
    'that takes nothing ends the create in time: %s',
    async (mode, { oci, niwad, volume }) => {
      const path = join(volume, 'agent');
      await using _ = await listen(path, mode);
      const { exitCode, message, tookMs } = await makeBeside(niwad, oci, asksAgent(path));
      expect([exitCode, message]).toEqual([1, expect.stringMatching(/seccomp agent .*: connection timed out$/)]);
      expect(tookMs).toBeGreaterThan(9000);
    },
  );

  test('that closes at once, or is one of niwad, holds up nobody, and niwad keeps nothing', async ({
    oci,
    niwad,
    volume,
  }) => {
    const path = join(volume, 'agent');
    await using _ = await listen(path, 'closes');
    for (const socket of [path, niwad.socket, oci.socket]) await makeBeside(niwad, oci, asksAgent(socket));
    await vi.waitFor(() => expect(taken(niwad)).toEqual([]), PATIENCE);
  });

  test('control: one that reads gets a mebibyte of metadata, also by a link', async ({ oci, niwad, volume }) => {
    const [path, link] = [join(volume, 'agent'), join(volume, 'link')];
    symlinkSync(path, link);
    const told: Promise<string>[] = [];
    const server = createServer((connection) => void told.push(text(connection))).listen(path);
    for (const name of [path, link])
      expect(await makeBeside(niwad, oci, asksAgent(name))).toMatchObject({ exitCode: 0, message: '' });
    server.close();
    for (const state of await Promise.all(told)) expect(JSON.parse(state).metadata).toHaveLength(MEBIBYTE);
    expect(told).toHaveLength(2);
  });

  test('is that of the mount namespace of the command, and not that of niwad', async ({ oci, volume }) => {
    const directory = join(volume, 'hidden');
    mkdirSync(directory);
    await using _ = await listen(join(directory, 'agent'), 'closes');
    const bundle = await oci.bundle('true', asksAgent(join(directory, 'agent')));
    const script = 'mount -t tmpfs none "$0" && exec "$@"';
    const words = [NIWA_OCI, '--niwad', oci.socket, 'create', '--bundle', bundle, oci.id()];
    const args = ['--mount', '--propagation', 'private', 'sh', '-c', script, directory, ...words];
    const { stderr } = await execa('unshare', args, { reject: false });
    expect(stderr).toContain('hidden/agent: no such file or directory');
  });
});

describe('a console socket in a directory of others', () => {
  const make = (niwad: Niwad, oci: Oci, path: string) => makeBeside(niwad, oci, hasTerminal, '--console-socket', path);
  /** A directory in which somebody else may write. */
  const shared = (volume: string) => {
    const directory = join(volume, 'shared');
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    return directory;
  };

  test('that is replaced by a file, a FIFO or a link to them ends the create, and nothing is written', async ({
    oci,
    niwad,
    volume,
  }) => {
    const directory = shared(volume);
    const [file, fifo] = [join(directory, 'file'), join(directory, 'fifo')];
    writeFileSync(file, 'as it was');
    await execa('mkfifo', [fifo]);
    for (const target of [file, fifo]) symlinkSync(target, `${target}-link`);
    for (const path of [file, fifo, `${file}-link`, `${fifo}-link`]) {
      const { exitCode, message } = await make(niwad, oci, path);
      expect([exitCode, message]).toEqual([1, `cannot connect to the console socket ${path}: connection refused`]);
    }
    expect(readFileSync(file, 'utf8')).toBe('as it was');
  });

  test('that never takes a connection ends the create in time', async ({ oci, niwad, volume }) => {
    const path = join(shared(volume), 'console');
    await using _ = await listen(path, 'full');
    expect((await make(niwad, oci, path)).message).toMatch(/console socket .*: connection timed out$/);
  });

  test('that is of another user gets no terminal, also behind a link', async ({ oci, niwad, volume }) => {
    const directory = shared(volume);
    const [path, link] = [join(directory, 'theirs'), join(directory, 'link')];
    symlinkSync(path, link);
    await using theirs = await listen(path, 'take', OTHER_USER);
    for (const name of [path, link]) {
      const { exitCode, message } = await make(niwad, oci, name);
      const refusal = `the console socket ${name} is that of another user, whose id is ${OTHER_USER}`;
      expect([exitCode, message]).toEqual([1, refusal]);
    }
    expect(theirs.descriptors).toBe(0);
  });

  test('also while it is exchanged: that of the engine gets its terminals, that of another user none', async ({
    oci,
    niwad,
    volume,
  }) => {
    const directory = shared(volume);
    const [path, other] = [join(directory, 'console'), join(directory, 'theirs')];
    await using own = await listen(path, 'take');
    await using theirs = await listen(other, 'take', OTHER_USER);
    const swap = execa(compiled('swap'), [path, other], { reject: false, buffer: false });
    let made = 0;
    try {
      for (let round = 0; round < ROUNDS; round++) if ((await make(niwad, oci, path)).exitCode === 0) made++;
    } finally {
      swap.kill();
      await swap;
    }
    await vi.waitFor(() => expect(own.descriptors).toBe(made), PATIENCE);
    expect(theirs.descriptors).toBe(0);
    expect([0, ROUNDS]).not.toContain(made);
  });

  test('control: who sends to whoever listens there gives others the descriptor', async ({ volume }) => {
    const path = join(shared(volume), 'console');
    await using theirs = await listen(path, 'take', OTHER_USER);
    await execa(compiled('give-descriptor'), [path], { stdio: 'ignore' }); // the receiver keeps the output open
    await vi.waitFor(() => expect(theirs.descriptors).toBe(1), PATIENCE);
  });

  test('of the engine gets the terminal', async ({ oci, niwad, volume }) => {
    const path = join(shared(volume), 'console');
    await using own = await listen(path, 'take');
    expect(await make(niwad, oci, path)).toMatchObject({ exitCode: 0, message: '' });
    await vi.waitFor(() => expect(own.descriptors).toBe(1), PATIENCE);
  });
});

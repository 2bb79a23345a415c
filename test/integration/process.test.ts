// @module-tag vm
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { capabilityMask, resolveCapabilities } from '../../src/spec/capabilities.js';
import type { Niwad } from './support/niwad.js';
import { test } from './support/test.js';

/** A field of /proc/self/status inside a container. */
async function status(niwad: Niwad, names: string[], spec: Parameters<Niwad['sh']>[1] = {}): Promise<string[]> {
  const text = await niwad.sh('cat /proc/self/status', spec);
  return names.map((name) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? `no ${name}`);
}

const hex = (mask: bigint) => mask.toString(16).padStart(16, '0');
const DEFAULT = capabilityMask(resolveCapabilities());
const CAPS = ['CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb'];

test('has the environment of its spec and nothing else', async ({ niwad }) => {
  const { stdout } = await niwad.run({ hostname: 'h', process: { args: ['env'], env: { FOO: 'a b\nc', EMPTY: '' } } });
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  expect(stdout).toBe(`${path}\nFOO=a b\nc\nEMPTY=\nHOME=/root\nHOSTNAME=h\n`);
  const own = await niwad.run({ hostname: 'h', process: { args: ['env'], env: { PATH: '/usr/bin', HOME: '/x' } } });
  expect(own.stdout).toBe('PATH=/usr/bin\nHOME=/x\nHOSTNAME=h\n');
});

test('gets its arguments as they are', async ({ niwad }) => {
  const words = ['two words', '', '"quoted"', '$HOME', 'ünï', '*'];
  const { stdout } = await niwad.run({ process: { args: ['printf', '[%s]', ...words] } });
  expect(stdout).toBe(words.map((word) => `[${word}]`).join(''));
});

test('starts in its working directory, with its umask', async ({ niwad }) => {
  const script = 'pwd; umask; touch /tmp/file; stat -c %a /tmp/file';
  expect(await niwad.sh(script)).toBe('/\n0022\n644');
  expect(await niwad.sh(script, { process: { cwd: '/usr/local', umask: '0077' } })).toBe('/usr/local\n0077\n600');
});

test('is the user and group of its spec, in no other group', async ({ niwad }) => {
  const script = 'id -u; id -g; id -G';
  expect(await niwad.sh(script)).toBe('0\n0\n0');
  expect(await niwad.sh(script, { process: { user: '1234:5678' } })).toBe('1234\n5678\n5678');
  expect(await niwad.sh(script, { process: { user: 1234 } })).toBe('1234\n1234\n1234');
  const fields = await status(niwad, ['Uid', 'Gid'], { process: { user: '1234:5678' } });
  expect(fields).toEqual(['1234\t1234\t1234\t1234', '5678\t5678\t5678\t5678']);
});

test('has the rlimits of its spec', async ({ niwad }) => {
  const rlimits = { nofile: { soft: 100, hard: 200 }, core: 0, fsize: 'unlimited' as const };
  expect(await niwad.sh('ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -f', { rlimits })).toBe('100\n200\n0\nunlimited');
});

test('may open few files and raise that to many, also in an exec, unless its spec says otherwise', async ({
  niwad,
}) => {
  const hard = Number(/^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  const expected = `1024\n${Math.min(524_288, hard)}`;
  expect(await niwad.sh('ulimit -Sn; ulimit -Hn')).toBe(expected);
  expect(await niwad.sh('ulimit -Sn; ulimit -Hn', { rlimits: { nofile: 64 } })).toBe('64\n64');
  await niwad.start({ id: 'files', process: { args: ['sleep', '1000'] } });
  expect((await niwad.cli('exec', 'files', '--', 'sh', '-c', 'ulimit -Sn; ulimit -Hn')).stdout).toBe(expected);
});

test('has few capabilities, none that is inherited, and those of its spec', async ({ niwad }) => {
  const nothing = hex(0n);
  expect(await status(niwad, CAPS)).toEqual([hex(DEFAULT), hex(DEFAULT), hex(DEFAULT), nothing, nothing]);
  expect(await status(niwad, CAPS, { capabilities: { drop: ['ALL'] } })).toEqual(CAPS.map(() => nothing));
  const capabilities = { drop: ['all'], add: ['CAP_NET_ADMIN'] };
  expect(await status(niwad, ['CapEff'], { capabilities, userns: 'host' })).toEqual([hex(1n << 12n)]);
  expect(await status(niwad, ['CapEff', 'CapBnd'], { process: { user: 1000 } })).toEqual([nothing, hex(DEFAULT)]);
});

test('cannot do what it has no capability for', async ({ niwad }) => {
  const script = 'mount -t tmpfs x /mnt 2>&1; hostname other 2>&1; mknod /disk b 254 0 2>&1; ls -l /disk 2>&1';
  for (const userns of ['auto', 'host'] as const) {
    const { stdout } = await niwad.run({ process: { args: ['sh', '-c', script] }, userns });
    expect(stdout).toMatch(
      /permission denied(.|\n)*\n.*(must be root|denied).*\n.*(not permitted|denied)\n.*No such file.*\n$/i,
    );
  }
});

test('calls only what the default profile lets it', async ({ niwad }) => {
  expect(await status(niwad, ['Seccomp'])).toEqual(['2']);
  expect(await status(niwad, ['Seccomp'], { seccomp: 'unconfined' })).toEqual(['0']);
});

test('has host ids that no other container has', async ({ niwad }) => {
  const maps = await Promise.all([
    niwad.sh('sleep 0.5; cat /proc/self/uid_map'),
    niwad.sh('sleep 0.5; cat /proc/self/uid_map'),
  ]);
  const [first, second] = maps.map((map) => map.trim().split(/ +/).map(Number));
  expect([first?.[0], first?.[2], second?.[2]]).toEqual([0, 65_536, 65_536]);
  expect(Math.abs((first?.[1] ?? 0) - (second?.[1] ?? 0))).toBeGreaterThanOrEqual(65_536);
});

test('can gain no privileges', async ({ niwad }) => {
  expect(await status(niwad, ['NoNewPrivs'])).toEqual(['1']);
});

test('starts with default signals, in a session of its own', async ({ niwad }) => {
  expect(await status(niwad, ['SigBlk', 'SigIgn'])).toEqual([hex(0n), hex(0n)]);
  expect(await niwad.sh('cut -d " " -f 5-6 /proc/1/stat')).toBe('1 1');
});

test('has no open descriptors but the standard three, and an empty standard input', async ({ niwad }) => {
  expect(await niwad.sh('ls /proc/1/fd; readlink /proc/1/fd/0; cat | wc -c')).toBe('0\n1\n2\n/dev/null\n0');
});

test('has the oom_score_adj of its spec', async ({ niwad }) => {
  expect(await niwad.sh('cat /proc/self/oom_score_adj', { oomScoreAdj: 321 })).toBe('321');
});

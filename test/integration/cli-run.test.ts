import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, vi } from 'vitest';
import { host, PATIENCE } from './support/host.js';
import { NIWA, runNiwa } from './support/niwad.js';
import { test } from './support/test.js';

/** Each ends with the status that `docker run` would have. */
const statuses: [what: string, args: string[], status: number, words: string][] = [
  ['its own status', ['--', 'sh', '-c', 'exit 7'], 7, ''],
  ['128 + n for a signal', ['--lifetime', '300ms', '--', 'sleep', '1000'], 137, ''],
  ['125 where niwa failed', ['-v', '/no/such/source:/mnt', '--', 'true'], 125, '/no/such/source'],
  ['126 for a file that is not executable', ['--', '/etc/passwd'], 126, 'EACCES'],
  ['127 for a program that is not there', ['--', './no-such-program'], 127, 'ENOENT'],
  [
    '127 and the words for an image',
    ['no-such', 'sh'],
    127,
    'niwa image pull no-such && niwa run --image no-such -- sh',
  ],
  ['2 for a wrong spec', ['--memory', 'lots', '--', 'true'], 2, 'resources.memory.max: found "lots"; allowed: '],
  [
    '2 for a flag of a wrong grammar',
    ['--env', '=novalue', '--', 'true'],
    2,
    '--env: found "=novalue"; allowed: NAME=VALUE',
  ],
  ['2 for an image as the first word', ['--rm', 'docker.io/library/no-such:1', 'sh'], 2, 'run --rm --image docker.io/'],
  ['2 for a flag that niwa does not have', ['--privileged', 'true'], 2, 'niwa has no option --privileged: name what'],
  ['2 for an unknown flag', ['--frobnicate', '--', 'true'], 2, 'frobnicate'],
  ['2 for no command', [], 2, 'process.args'],
];

test.for(statuses)('ends with %s', async ([, args, status, words], { niwad }) => {
  const before = await niwad.client.list();
  const { exitCode, stderr } = await niwad.cli('run', ...args);
  expect(exitCode).toBe(status);
  expect(stderr).toContain(words);
  const after = await niwad.client.list();
  expect(after.length - before.length).toBe(words === '' ? 1 : 0);
});

test('takes the flags of Docker', async ({ niwad }) => {
  const variables = join(niwad.place.files, 'variables');
  writeFileSync(variables, 'A=file\nB=file\n');
  const flags = `--rm --cap-drop ALL --cap-add CAP_CHOWN --ulimit nofile=100:200 --env-file ${variables} -e A=flag -e MINE
    --shm-size 2m --sysctl net.core.somaxconn=99 --sysctl kernel.domainname=example.org
    --network none --security-opt no-new-privileges --tmpfs /t:rw,size=1m`;
  const script = `grep CapEff /proc/self/status; ulimit -n; ulimit -Hn; echo $A $B $MINE; df -k /dev/shm | tail -1
    cat /proc/sys/net/core/somaxconn /proc/sys/kernel/sem /proc/sys/kernel/domainname`;
  const before = readFileSync('/proc/sys/kernel/sem', 'utf8');
  const words = [...flags.split(/\s+/), '--sysctl', 'kernel.sem=7 8 9 10', '--', 'sh', '-c', script];
  const { exitCode, stdout, stderr } = await runNiwa(['run', ...words], { NIWA_SOCKET: niwad.socket, MINE: 'caller' });
  expect([exitCode, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(
    /^CapEff:\t0000000000000001\n100\n200\nflag file caller\n\S+ +2048 .*\n99\n7\t8\t9\t10\nexample.org$/,
  );
  expect(readFileSync('/proc/sys/kernel/sem', 'utf8')).toBe(before);
});

test('refuses a setting of the host', async ({ niwad }) => {
  for (const flags of [
    ['--sysctl', 'kernel.core_pattern=x'],
    ['--network', 'host', '--sysctl', 'net.core.somaxconn=1'],
  ]) {
    const { exitCode, stderr } = await niwad.cli('run', ...flags, '--', 'true');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`sysctls.${flags.at(-1)?.split('=')[0]}`)]);
  }
});

test('shows help for -h, and the nearest word for a mistyped one', async ({ niwad }) => {
  for (const words of [['-h'], ['run', '-h'], ['image', '-h'], ['image', 'pull', '-h']]) {
    const { exitCode, stdout } = await niwad.cli(...words);
    expect([words, exitCode, stdout]).toEqual([words, 0, expect.stringContaining('Options:')]);
  }
  for (const words of [['help'], ['help', 'run'], ['help', 'image', 'pull']]) {
    const { exitCode, stdout } = await niwad.cli(...words);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(new RegExp(`^niwa ${words.at(1) ?? '<command>'}`))]);
  }
  expect((await niwad.cli('-v')).stdout).toMatch(/^[0-9.]+$/);
  expect((await niwad.cli('pss')).stderr).toContain('did you mean ps?');
  expect((await niwad.cli('run', '--memroy', '1M', 'true')).stderr).toContain('did you mean --memory?');
});

test('ends with 125 for a limit that this host cannot enforce', async ({ niwad, skip }) => {
  skip(!('memory' in host.missing), 'needs a host without the memory controller');
  const { exitCode, stderr } = await niwad.cli('run', '--memory', '64M', '--', 'true');
  expect([exitCode, stderr]).toEqual([125, expect.stringContaining('the memory controller')]);
});

test('ends with 125 where no daemon answers, and says how to start it', async ({ niwad }) => {
  const socket = join(niwad.place.directory, 'nobody.sock');
  const { exitCode, stderr } = await runNiwa(['--socket', socket, 'run', '--', 'true']);
  expect(exitCode).toBe(125);
  expect(stderr).toContain(`cannot reach niwad on ${socket}`);
  expect(stderr).toContain('Start it with `niwad`');
});

test('makes a spec of its flags', async ({ niwad }) => {
  const files = join(niwad.place.files, 'flags');
  mkdirSync(files);
  const flags = `--name flags --lifetime 1h --jitter 1m --read-only --init --env A=1 -e B=x=y --label k=v --owner alice
    --network host --user 12:34 --workdir /usr --hostname here --volume ${files}:/mnt:ro --stop-signal INT
    --stop-timeout 3s`;
  const script = 'id -u; id -g; pwd; hostname; echo $A $B; ls /mnt; cat /proc/1/comm; ls -d /sys/class/net/*';
  writeFileSync(join(files, 'shared'), '');
  const { exitCode, stdout } = await niwad.cli('run', ...flags.split(/\s+/), '--', 'sh', '-c', script);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^12\n34\n\/usr\nhere\n1 x=y\nshared\nniwa-init\n/);
  expect((await niwad.client.inspect('flags')).spec).toMatchObject({
    lifetimeUsec: 3600e6,
    jitterUsec: 60e6,
    root: { readonly: true },
    labels: { k: 'v' },
    owner: 'alice',
    namespaces: { network: 'host' },
    stopSignal: 'SIGINT',
    stopTimeoutUsec: 3e6,
    init: true,
  });
});

test('sets limits by its flags', { tags: 'vm' }, async ({ niwad, skip }) => {
  skip('cpu' in host.missing, `needs the controllers: ${host.missing.cpu}`);
  const flags = [
    '--cpus',
    '0.5',
    '--memory',
    '64M',
    '--pids',
    '20',
    '--io-wbps',
    '/dev/vda:1M',
    '--io-rbps',
    '/dev/vda:2M',
  ];
  const files = 'cpu.max memory.max pids.max io.max';
  const { stdout } = await niwad.cli('run', ...flags, '--', 'sh', '-c', `cd /sys/fs/cgroup; cat ${files}`);
  expect(stdout).toMatch(/^50000 100000\n67108864\n20\n\d+:0 rbps=2097152 wbps=1048576 riops=max wiops=max$/);
});

test('takes a spec from a file, with flags on top', async ({ niwad }) => {
  const file = join(niwad.place.directory, 'spec.yaml');
  const text = 'process:\n  args: [sh, -c, "echo $A $B; exit 4"]\n  env: {A: file, B: file}\nowner: alice\n';
  writeFileSync(file, text);
  const run = await niwad.cli('run', '--name', 'from-file', '-f', file, '--env', 'B=flag');
  expect(run).toMatchObject({ exitCode: 4, stdout: 'file flag' });
  expect((await niwad.client.inspect('from-file')).spec.owner).toBe('alice');
  const missing = await niwad.cli('run', '-f', '/no/such/file');
  expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('/no/such/file')]);
});

test('keeps standard output and standard error apart', async ({ niwad }) => {
  const run = await niwad.cli('run', '--rm', '--name', 'apart', '--', 'sh', '-c', 'echo out; echo err >&2');
  expect(run).toEqual({ exitCode: 0, stdout: 'out', stderr: 'err' });
  await expect(niwad.client.inspect('apart')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('passes signals on', async ({ niwad }) => {
  const script = 'trap "echo usr1" USR1; trap "exit 9" TERM; echo ready; while :; do sleep 0.02; done';
  const run = execa(NIWA, ['--socket', niwad.socket, 'run', '--name', 'signals', '--', 'sh', '-c', script], {
    reject: false,
  });
  let said = '';
  run.stdout.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  await vi.waitFor(() => expect(said).toContain('ready'), { timeout: 60_000 });
  run.kill('SIGUSR1');
  await vi.waitFor(() => expect(said).toContain('usr1'), PATIENCE);
  run.kill('SIGTERM');
  expect((await run).exitCode).toBe(9);
  expect((await niwad.client.inspect('signals')).state).toBe('exited');
});

test('with --detach prints the id and leaves it running', async ({ niwad }) => {
  const run = await niwad.cli('run', '-d', '--name', 'detached', '--', 'sleep', '1000');
  expect(run).toEqual({ exitCode: 0, stdout: 'detached', stderr: '' });
  expect((await niwad.client.inspect('detached')).state).toBe('running');
  expect(existsSync(niwad.groupOf('detached'))).toBe(true);
  await niwad.client.remove('detached', { force: true });
});

test('with --detach and --rm it is forgotten when it has ended and its hooks have run', async ({ niwad }) => {
  const [file, mark] = [join(niwad.place.directory, 'hooked.yaml'), join(niwad.place.directory, 'hooked')];
  writeFileSync(file, `hooks: {afterExit: [{args: [/bin/sh, -c, "sleep 0.3; echo x > ${mark}"]}]}`);
  const run = await niwad.cli(
    'run',
    '-d',
    '--rm',
    '-f',
    file,
    '--name',
    'rm-detached',
    'sh',
    '-c',
    'sleep 0.3; exit 3',
  );
  expect(run).toEqual({ exitCode: 0, stdout: 'rm-detached', stderr: '' });
  expect(await niwad.client.wait('rm-detached')).toMatchObject({ code: 3 });
  await vi.waitFor(
    () => expect(niwad.client.inspect('rm-detached')).rejects.toMatchObject({ code: 'NOT_FOUND' }),
    PATIENCE,
  );
  expect(existsSync(mark)).toBe(true);
  expect(niwad.ledger('rm-detached')).toMatchObject([{ type: 'final', code: 3 }]);
  expect(existsSync(join(niwad.place.stateDir, 'logs', 'rm-detached'))).toBe(false);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { NIWA } from './support/niwad.js';
import { test } from './support/test.js';

/** What `ps`, `inspect` and their kin show of containers, and in which form. */

const sleeper = { args: ['sleep', '1000'] };

test('ps and inspect write what a user asks for', async ({ niwad }) => {
  await niwad.start({ id: 'web', process: sleeper, owner: 'alice', labels: { tier: 'front' } });
  await niwad.run({ id: 'good', process: { args: ['true'] } });
  await niwad.run({ id: 'bad', process: { args: ['sh', '-c', 'exit 3'] }, owner: 'bob' });
  const says = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await niwad.cli(...args);
    expect([exitCode, stderr]).toEqual([0, '']);
    return stdout;
  };
  const [all, failed, named, byState, newest, ids, lines, table, docker, wide] = await Promise.all([
    says('ps', '-a'),
    says('ps', '--filter', 'status=exited', '-f', 'exited=3', '-q'),
    says('ps', '-a', '--filter', 'name=oo', '--format', '{{.id}} {{.exit.code}}'),
    says('ps', '--state', 'exited', '--format', '{{.ID}}:{{.State.ExitCode}}'),
    says('ps', '-n', '2', '-q'),
    says('ps', '-q', '--latest'),
    says('ps', '-a', '--format', 'json'),
    says('ps', '-a', '--format', 'table {{.id}}\\t{{.spec.owner}}'),
    says('inspect', '--format', '{{.State.Status}} {{json .spec.labels}}', 'web'),
    says('ps', '--wide'),
  ]);
  expect(all).toMatch(/\ngood +exited \(0\) .*\nbad +exited \(3\) /);
  expect(failed).toBe('bad');
  expect(named).toBe('good 0');
  expect(byState).toBe('good:0\nbad:3');
  expect(newest).toBe('good\nbad');
  expect(ids).toBe('bad');
  expect(lines.split('\n').map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(['web', 'good', 'bad']);
  expect(table).toBe('ID    SPEC OWNER\nweb   alice\ngood\nbad   bob');
  expect(docker).toBe('running {"tier":"front"}');
  expect(wide).toMatch(
    /^ID .* SERVICE +IMAGE +NETWORK +ADDRESS +PORTS +ENGINE ID +COMMAND\nweb .* none +- +- +- +sleep 1000$/,
  );
});

test('an unknown field, filter or state is refused with what there is', async ({ niwad }) => {
  const [field, filter, state] = await Promise.all([
    niwad.cli('inspect', '--format', '{{.exit.cod}}', 'web'),
    niwad.cli('ps', '--filter', 'before=web'),
    niwad.cli('ps', '--state', 'dead'),
  ]);
  expect([field.exitCode, field.stderr]).toEqual([2, expect.stringContaining('{{.exit.code}}?')]);
  expect([filter.exitCode, filter.stderr]).toEqual([2, expect.stringContaining('status, exited, label, ')]);
  expect([state.exitCode, state.stderr]).toEqual([2, expect.stringContaining('created, running, ')]);
});

test('one bad id does not hide the others', async ({ niwad }) => {
  const error = 'niwa: there is no container nobody';
  const commands = [
    ['inspect', '--format', '{{.id}}', 'web', 'nobody', 'bad'],
    ['wait', 'good', 'nobody', 'bad'],
    ['stats', '--no-stream', 'web', 'nobody'],
    ['update', 'nobody', 'web', '--lifetime', '1h'],
  ];
  const answers = await Promise.all(commands.map((args) => niwad.cli(...args)));
  expect(answers.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual(commands.map(() => [1, error]));
  const [inspected, waited, stats, updated] = answers.map(({ stdout }) => stdout);
  expect([inspected, waited, updated]).toEqual(['web\nbad', '0\n3', 'web']);
  expect(stats).toMatch(/\nweb +running /);
});

test('inspect shows several containers as YAML documents, or each as JSON', async ({ niwad }) => {
  const [yaml, json] = await Promise.all([niwad.cli('inspect', 'good', 'bad'), niwad.cli('inspect', 'bad', '--json')]);
  expect(yaml.stdout).toMatch(/^id: good\n[\s\S]*\n---\nid: bad\n/);
  expect(JSON.parse(json.stdout)).toMatchObject({ id: 'bad', network: null });
});

test('doctor, and tables, have colours on a terminal alone', async ({ niwad }) => {
  const shown = async (env: Record<string, string>) => {
    const command = `${NIWA} --socket ${niwad.socket} ps -a; ${NIWA} doctor`;
    const { stdout } = await execa('script', ['-qec', command, '/dev/null'], {
      env: { TERM: 'xterm', ...env },
      reject: false,
    });
    return stdout;
  };
  const [coloured, plain, piped] = await Promise.all([shown({}), shown({ NO_COLOR: '1' }), niwad.cli('ps', '-a')]);
  expect(coloured).toContain('\x1b[1;31mexited (3)\x1b[0m');
  expect(coloured).toContain('\x1b[32mok\x1b[0m ');
  expect([plain, piped.stdout].join()).not.toContain('\x1b');
  expect(plain).toContain('exited (3)');
});

test('what inspect shows as the spec makes the same container again', async ({ niwad }) => {
  const labels = { tier: 'front', hostile: 'a\u202eb: "c"\n' };
  const input = { process: { ...sleeper, umask: '0077' }, lifetime: '2h', labels, stopTimeout: '3s' };
  await niwad.start({ id: 'origin', owner: 'alice', ...input });
  const { spec } = await niwad.client.inspect('origin');
  const [yaml, json] = await Promise.all([
    niwad.cli('inspect', '--spec', 'origin'),
    niwad.cli('inspect', '--spec', '--json', 'origin'),
  ]);
  expect(JSON.parse(json.stdout)).toMatchObject({ id: 'origin', lifetime: '2h', stopTimeout: '3s' });
  const file = join(niwad.place.directory, 'origin.yaml');
  for (const [id, text] of Object.entries({ written: yaml.stdout, shown: JSON.stringify(spec) })) {
    writeFileSync(file, text);
    expect(await niwad.cli('create', '--name', id, '-f', file)).toEqual({ exitCode: 0, stdout: id, stderr: '' });
    const { spec: made } = await niwad.client.inspect(id);
    expect(made).toEqual({ ...spec, id, hostname: id });
  }
  const raw = await niwad.client.create({ ...spec, id: 'raw' } as never);
  expect(raw.spec).toEqual({ ...spec, id: 'raw' });
  writeFileSync(file, JSON.stringify(await niwad.client.inspect('raw')));
  const status = await niwad.cli('create', '-f', file);
  expect([status.exitCode, status.stderr]).toEqual([2, expect.stringContaining('niwa inspect --spec ID')]);
});

test('service inspect and image inspect take several names', async ({ niwad }) => {
  for (const kind of ['service', 'image']) {
    const { exitCode, stdout, stderr } = await niwad.cli(kind, 'inspect', 'none-a', 'none-b');
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr.split('\n')).toEqual([expect.stringContaining('none-a'), expect.stringContaining('none-b')]);
  }
});

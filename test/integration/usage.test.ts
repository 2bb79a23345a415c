import { expect } from 'vitest';
import type { UsageAnswer, UsageRecord, UsageRow } from '../../src/client/index.js';
import { raw } from './support/http.js';
import type { Niwad } from './support/niwad.js';
import { test } from './support/test.js';

const burn = { args: ['sh', '-c', 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'] };

/** Runs containers of two owners, in one period, and gives its bounds. */
async function runSome(niwad: Niwad): Promise<{ since: string; until: string }> {
  const since = new Date().toISOString();
  for (const [id, owner, job] of [
    ['a1', 'alice', 'x'],
    ['a2', 'alice', 'y'],
    ['b1', 'bob, "the builder"', 'x'],
  ] as const)
    await niwad.run({ id, owner, labels: { job }, process: burn });
  await niwad.client.remove('a2');
  await niwad.run({ id: 'a2', owner: 'alice', labels: { job: 'y' }, process: burn });
  await niwad.run({ id: 'nobody', process: { args: ['true'] } });
  return { since, until: new Date(Date.now() + 1).toISOString() };
}

/** What the records of the ledger say of some of them. */
function sumOf(records: UsageRecord[]): Partial<UsageRow> {
  const sum = (figure: (record: UsageRecord) => number | null | undefined) =>
    records.reduce((all, record) => all + (figure(record) ?? 0), 0);
  return {
    runs: records.length,
    cpu_usage_usec: sum(({ usage }) => usage?.cpu.usage_usec),
    cpu_user_usec: sum(({ usage }) => usage?.cpu.user_usec),
    cpu_system_usec: sum(({ usage }) => usage?.cpu.system_usec),
    duration_usec: sum(({ duration_usec }) => duration_usec),
  };
}

test('niwa usage sums the ledger by container, owner and label, as table, JSON and CSV', async ({ niwad }) => {
  const { since, until } = await runSome(niwad);
  const records = niwad.ledger().filter(({ at }) => at >= since && at < until);
  expect(records).toHaveLength(5);
  const ofOwner = (owner: string | null) => sumOf(records.filter((record) => record.owner === owner));
  const period = ['--since', since, '--until', until];
  const usage = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await niwad.cli('usage', ...period, ...args);
    expect([exitCode, stderr]).toEqual([0, '']);
    return stdout;
  };
  const json = async (...args: string[]) => JSON.parse(await usage(...args, '--json')) as UsageAnswer;

  const owners = await json('--by', 'owner');
  expect(owners).toMatchObject({ since, until, by: 'owner', skipped_lines: 0 });
  expect(owners.rows).toMatchObject([
    { key: 'alice', ...ofOwner('alice') },
    { key: 'bob, "the builder"', ...ofOwner('bob, "the builder"') },
    { key: null, ...ofOwner(null) },
  ]);
  expect(owners.rows[0]?.cpu_usage_usec).toBeGreaterThan(1000);
  expect(owners.rows[0]?.runs).toBe(3);

  const containers = await json('--format', 'json', '--owner', 'alice');
  expect(containers.rows).toMatchObject([
    { key: 'a1', ...sumOf(records.filter(({ id }) => id === 'a1')) },
    { key: 'a2', runs: 2, ...sumOf(records.filter(({ id }) => id === 'a2')) },
  ]);
  const jobs = await json('--by', 'label:job', '--label', 'job=x');
  expect(jobs.rows).toMatchObject([{ key: 'x', ...sumOf(records.filter(({ labels }) => labels.job === 'x')) }]);

  const [headings = '', ...csv] = (await usage('--by', 'owner', '--format', 'csv')).split('\n');
  const names = headings.split(',').slice(1) as (keyof UsageRow)[];
  const keys = ['alice', '"bob, ""the builder"""', ''];
  expect(csv).toEqual(owners.rows.map((row, i) => [keys[i], ...names.map((name) => row[name] ?? '')].join(',')));

  const table = (await usage('--by', 'owner')).split('\n');
  expect(table[0]).toMatch(
    /^OWNER +RUNS +TIME +CPU TIME +THROTTLED +READ +WRITTEN +READS +WRITES +RECEIVED +SENT +MEMORY GIB\*H +PEAK$/,
  );
  const seconds = ((owners.rows[0]?.cpu_usage_usec ?? 0) / 1e6).toFixed(2);
  expect(table[1]).toMatch(new RegExp(`^alice +3 +\\S+ +${seconds.replace('.', '\\.')}s `));
  expect(table[3]).toMatch(/^- +1 /);

  // Split anywhere, the parts are the whole.
  const cut = records[1]?.at ?? '';
  const parts = [
    await niwad.client.usage({ by: 'owner', since, until: cut }),
    await niwad.client.usage({ by: 'owner', since: cut, until }),
  ];
  const total = (answers: UsageAnswer[]) =>
    answers.flatMap(({ rows }) => rows).reduce((sum, { cpu_usage_usec }) => sum + (cpu_usage_usec ?? 0), 0);
  expect(parts.map(({ rows }) => rows.reduce((sum, { runs }) => sum + runs, 0))).toEqual([1, 4]);
  expect(total(parts)).toBe(total([owners]));
});

test('what is asked wrongly is refused by its field', async ({ niwad }) => {
  const refusal = async (query: string) => {
    const { status, json } = await raw(niwad.socket, 'GET', `/v1/usage?${query}`);
    const { code, problems } = json() as { code: string; problems: { path: string }[] };
    return [status, code, problems.map(({ path }) => path)];
  };
  for (const [query, field] of [
    ['by=job', 'by'],
    ['by=label:', 'by'],
    ['since=yesterday', 'since'],
    ['until=2026-02-30', 'until'],
    ['since=1h&until=2h', 'since'],
    ['label=job', 'label'],
    ['job=x', 'job'],
  ] as const)
    expect(await refusal(query)).toEqual([400, 'SPEC_INVALID', [field]]);
  expect(await niwad.cli('usage', '--since', 'yesterday')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('since: found "yesterday"; allowed: a date such as'),
  });
  expect((await niwad.client.usage({ since: '24h' })).rows.length).toBeGreaterThanOrEqual(0);
});

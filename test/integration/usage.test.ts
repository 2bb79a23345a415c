import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, onTestFinished, vi } from 'vitest';
import { Ledger } from '../../src/accounting/ledger.js';
import type { UsageAnswer, UsageRecord, UsageRow } from '../../src/client/index.js';
import { kernel } from '../../src/kernel/addon.js';
import { recordOf, usageOf } from '../unit/accounting/records.js';
import { needsFile, PATIENCE, type Skip } from './support/host.js';
import { raw } from './support/http.js';
import { makePlace, Niwad, removePlace } from './support/niwad.js';
import { test } from './support/test.js';

const READ_GROUP = 4344;
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

test('a period without a record is told, and when records come', async ({ niwad }) => {
  const { stderr } = await niwad.cli('usage', '--by', 'service', '--since', '2020-01-01', '--until', '2020-01-02');
  expect(stderr).toMatch(/^niwa: no record of this period: .* at its end, and each interimIntervalMs of niwad/);
  const csv = await niwad.cli('usage', '--since', '2020-01-01', '--until', '2020-01-02', '--format', 'csv');
  expect(csv.stderr).toBe('');
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

/** Begins a request; nothing is read of its answer. */
async function begin(socketPath: string, path: string): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    request({ socketPath, path, agent: false }, resolve).once('error', reject).end();
  });
}

/** Asks for sums again and again, and reads the first line of each answer. In perl, which any user can run. */
const HOLDER = `
  use IO::Socket::UNIX;
  $| = 1;
  for (1 .. $ARGV[1]) {
    my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!";
    print $socket "GET /v1/usage HTTP/1.1\\r\\nHost: niwad\\r\\n\\r\\n";
    print scalar <$socket>;
    push @held, $socket;
  }
  sleep 1000;`;

/** Holds answers as a reader until the test is over; gives their statuses. */
async function hold(skip: Skip, socket: string, times: number): Promise<number[]> {
  const perl = needsFile(skip, '/usr/bin/perl', 'a client that any user can run');
  const identity = ['--reuid=1236', `--regid=${READ_GROUP}`, '--clear-groups'];
  const holder = execa('setpriv', [...identity, perl, '-e', HOLDER, socket, String(times)], { reject: false });
  onTestFinished(async () => {
    holder.kill('SIGKILL');
    await holder;
  });
  const statuses: number[] = [];
  for await (const line of createInterface(holder.stdout))
    if (statuses.push(Number(line.split(' ')[1])) === times) break;
  return statuses;
}

/** Writes a ledger of final records, each of another container, in several segments; gives their ids in order. */
async function writeLedger(directory: string, number: number): Promise<string[]> {
  const ledger = await Ledger.open(directory, { kernel, segmentBytes: 1024 * 1024 });
  const ids = Array.from({ length: number }, (_, i) => `c${String(i).padStart(6, '0')}`);
  const records = ids.toReversed().map((id, i) =>
    recordOf(id, {
      run: `run-${i}`,
      owner: `owner-${i % 3}`,
      usage: usageOf(i),
      at: new Date(i * 1000).toISOString(),
    }),
  );
  for (let i = 0; i < number; i += 1000)
    await Promise.all(records.slice(i, i + 1000).map((record) => ledger.append(record)));
  await ledger.close();
  return ids;
}

test('many rows come page by page, or one after another, and hold up nobody', async ({ skip }) => {
  const place = makePlace({ readGroup: READ_GROUP });
  onTestFinished(() => removePlace(place));
  const ids = await writeLedger(join(place.stateDir, 'ledger'), 12_000);
  const niwad = await Niwad.start(place);
  onTestFinished(async () => void (await niwad.stop()));

  let [asked, longest] = [0, 0];
  let over = false;
  const asking = (async () => {
    for (; !over; asked++) {
      const begin = Date.now();
      await niwad.client.health();
      longest = Math.max(longest, Date.now() - begin);
    }
  })();
  const whole = await raw(niwad.socket, 'GET', '/v1/usage');
  over = true;
  await asking;
  console.log(`while ${ids.length} rows were summed and sent, ${asked} other requests took ${longest} ms at most`);
  expect(asked).toBeGreaterThan(5);
  const answer = whole.json() as UsageAnswer;
  expect(Object.keys(answer)).toEqual(['since', 'until', 'by', 'rows', 'skipped_lines']);
  expect(answer.rows.map(({ key }) => key)).toEqual(ids);
  expect(answer.rows[0]).toMatchObject({ runs: 1, cpu_usage_usec: ids.length - 1, duration_usec: 1_000_000 });

  const pages: (string | null)[][] = [];
  for (let after: string | null = null; pages.length === 0 || after !== null; ) {
    const query: string = `limit=${ids.length / 3 + 1}${after === null ? '' : `&after=${after}`}`;
    const page = await raw(niwad.socket, 'GET', `/v1/usage?${query}`);
    pages.push((page.json() as UsageAnswer).rows.map(({ key }) => key));
    after = (page.headers['niwa-next'] as string | undefined) ?? null;
  }
  expect(pages).toHaveLength(3);
  expect(pages.flat()).toEqual(ids);

  // Who leaves while others have their turn, or before it is over, leaves nothing behind that others wait for.
  for (let i = 0; i < 6; i++) {
    const left = request({ socketPath: niwad.socket, path: '/v1/usage', agent: false }).once('error', () => {});
    left.end();
    setTimeout(() => left.destroy(), 20 * i);
  }
  await sleep(100);
  expect((await raw(niwad.socket, 'GET', '/v1/usage?limit=1')).status).toBe(200);
  expect(niwad.log).not.toContain('request failed');

  // Who holds all that he may have keeps nobody else from sums.
  expect(await hold(skip, niwad.socket, 3)).toEqual([200, 200, 429]);
  expect((await raw(niwad.socket, 'GET', '/v1/usage?limit=1')).status).toBe(200);

  // Who does not read gets no more memory than that of his own thread, and there are only so many threads.
  const slow = await Promise.all(Array.from({ length: 8 }, () => begin(niwad.socket, '/v1/usage')));
  expect(slow.map(({ statusCode }) => statusCode)).toEqual(slow.map(() => 200));
  expect((await raw(niwad.socket, 'GET', '/v1/usage')).json()).toMatchObject({ code: 'TOO_MANY_REQUESTS' });
  for (const response of slow) response.destroy();
  await vi.waitFor(
    async () => expect((await raw(niwad.socket, 'GET', '/v1/usage?limit=1')).status).toBe(200),
    PATIENCE,
  );

  const csv = await niwad.cli('usage', '--format', 'csv');
  expect(
    csv.stdout
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[0]),
  ).toEqual(ids);
  const first = await niwad.cli('usage', '--by', 'owner', '--limit', '2', '--json');
  expect((JSON.parse(first.stdout) as UsageAnswer).rows.map(({ key }) => key)).toEqual(['owner-0', 'owner-1']);
  expect(first.stderr).toBe('niwa: there is more: --after owner-1');
  const rest = await niwad.cli('usage', '--by', 'owner', '--after', 'owner-1', '--json');
  expect(JSON.parse(rest.stdout)).toMatchObject({ rows: [{ key: 'owner-2' }], skipped_lines: 0 });
  expect((await niwad.cli('usage', '--owner', 'nobody', '--json')).stdout).toContain('"rows": []');
});

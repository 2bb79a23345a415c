// @module-tag vm
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test, vi } from 'vitest';
import type { ContainerStatus, NiwaClient, UsageRecord } from '../../src/client/index.js';
import { host, LONG, SLOWNESS } from '../integration/support/host.js';
import { flagsOf, keeperOf, makePlace, mountsOf, NIWAD, Niwad, removePlace } from '../integration/support/niwad.js';

/**
 * Containers that start, exit, reach their lifetimes, are stopped and removed at random, while the daemon is killed at
 * random: at the end each is accounted for once, none lived too long, no line of output is missing, and nothing is
 * left.
 */

/**
 * In full, 200 containers and 50 kills, by `npm run test:long`; half of either in the virtual machine, which is slow.
 */
const SHARE = (LONG ? 1 : 0.4) * (host.inVm ? 0.5 : 1);
const CONTAINERS = 200 * SHARE;
const AT_ONCE = 12;
const KILLS = 50 * SHARE;
/** Shares of the kills come while the daemon is still starting: in the middle of an adoption. */
const EARLY_KILLS = 0.3;
const ID_RANGES = 40;
/** Twice as long natively as a start of the daemon takes. */
const UP_MS = host.inVm ? 2000 : 500;
const LIFETIME_MS = host.inVm ? 12_000 : 2500;
const LATE_UP_MS = 500;
const LATE_DOWN_MS = 1000;
const PATIENCE = { timeout: 120_000, interval: 50 };

const seed = Number(process.env.NIWA_CHAOS_SEED ?? Date.now() % 1_000_000);
let state = seed;
/** The generator mulberry32: the same seed gives the same choices, if not the same moments. */
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const choose = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;

const place = makePlace({ idPool: { start: 0x6000_0000, count: ID_RANGES }, keepExited: 10_000 });
const counts = join(place.files, 'counts');
mkdirSync(counts);
chmodSync(counts, 0o777);
afterAll(() => removePlace(place));

/** Which daemon there is, and when there was none. */
class Phoenix {
  #niwad: Promise<Niwad> = Niwad.start(place);
  readonly down: { from: number; to: number }[] = [];

  current(): Promise<Niwad> {
    return this.#niwad;
  }

  /** Kills the daemon and starts the next one, which may be killed before it listens. */
  async die(): Promise<void> {
    const old = await this.#niwad;
    const from = Date.now();
    this.#niwad = old.stop('SIGKILL').then(async () => {
      while (random() < EARLY_KILLS) await this.#dieEarly();
      const next = await Niwad.start(place);
      this.down.push({ from, to: Date.now() });
      return next;
    });
    await this.#niwad;
  }

  async #dieEarly(): Promise<void> {
    const child = spawn(NIWAD, flagsOf(place), { stdio: 'ignore' });
    await sleep(random() * (host.inVm ? 4000 : 500));
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** Asks until a daemon answers; `again` says that the answer to an earlier try may have been lost. */
  async ask<T>(question: (client: NiwaClient, again: boolean) => Promise<T>): Promise<T> {
    for (let again = false; ; again = true) {
      try {
        return await question((await this.#niwad).client, again);
      } catch (error) {
        if ((error as { code?: string }).code !== 'DAEMON_UNREACHABLE') throw error;
        await sleep(20);
      }
    }
  }
}

type Kind = 'exits' | 'lifetime' | 'stopped' | 'killed' | 'removed';

interface Outcome {
  id: string;
  kind: Kind;
  lines: number;
  started: ContainerStatus;
}

/** Ids for whose creation there was no answer: they may have lived or not. */
const unanswered: string[] = [];

const phoenix = new Phoenix();

/** Runs one container through a life of its kind. */
async function live(number: number): Promise<Outcome> {
  const kind = choose<Kind>(['exits', 'exits', 'lifetime', 'lifetime', 'stopped', 'killed', 'removed']);
  const lines = kind === 'exits' ? Math.floor(random() * 40) : 100_000;
  const lifetime = Math.round(LIFETIME_MS * (kind === 'lifetime' ? 0.2 + random() : 20));
  for (let attempt = 0; ; attempt++) {
    const id = `c-${number}-${attempt}`;
    const script = `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo "$i of ${id}"; printf x >> /counts/${id}; sleep 0.05; done; exit 3`;
    const spec = {
      id,
      process: { args: ['sh', '-c', script] },
      lifetime: lifetime / 1000,
      mounts: [{ type: 'bind' as const, source: counts, target: '/counts' }],
    };
    try {
      const started = await (await phoenix.current()).client.create(spec, { start: true });
      await end(id, kind);
      return { id, kind, lines, started };
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'DAEMON_UNREACHABLE') throw error;
      unanswered.push(id);
      // Where it was started all the same, it goes on until its deadline, which is far away, and has a range of ids
      // until then.
      await phoenix.ask((client) => client.stop(id, { timeout: '0s' }).catch(unlessThere));
    }
  }
}

/** Ends a container as its kind wants it, and waits for that. */
async function end(id: string, kind: Kind): Promise<void> {
  if (kind !== 'exits' && kind !== 'lifetime') await sleep(random() * LIFETIME_MS * 0.5);
  if (kind === 'stopped') await phoenix.ask((client) => client.stop(id).catch(unlessOver));
  if (kind === 'killed') await phoenix.ask((client) => client.kill(id).catch(unlessOver));
  if (kind === 'removed')
    await phoenix.ask((client, again) => client.remove(id, { force: true }).catch((error) => unlessGone(error, again)));
  else await phoenix.ask((client) => client.wait(id));
}

function unlessThere(error: { code?: string }): void {
  if (error.code !== 'STATE_CONFLICT' && error.code !== 'NOT_FOUND') throw error;
}

function unlessOver(error: { code?: string }): void {
  if (error.code !== 'STATE_CONFLICT') throw error;
}

function unlessGone(error: { code?: string }, again: boolean): void {
  if (error.code !== 'NOT_FOUND' || !again) throw error;
}

/** All numbers that a container wrote, as its log has them. */
async function numbersIn(client: NiwaClient, id: string): Promise<number[]> {
  let text = '';
  for await (const { data } of client.logs(id)) text += data.toString();
  const lines = text.split('\n');
  const rest = lines.pop();
  expect(rest).toBe(''); // a line is written in one piece
  for (const line of lines) expect(line).toMatch(new RegExp(`^[0-9]+ of ${id}$`));
  return lines.map((line) => Number.parseInt(line, 10));
}

/**
 * No line is missing, none is there twice: what the container counted, it may have been killed before it counted the
 * last.
 */
async function expectWholeLog(client: NiwaClient, { id, kind, lines }: Outcome): Promise<void> {
  const numbers = await numbersIn(client, id);
  expect(numbers).toEqual(numbers.map((_, i) => i + 1));
  const path = join(counts, id);
  const counted = existsSync(path) ? statSync(path).size : 0;
  if (kind === 'exits') expect(numbers.length).toBe(lines);
  else expect([counted, counted + 1]).toContain(numbers.length);
}

function percentiles(values: number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]?.toFixed(0) ?? '-';
  return `n=${sorted.length} median=${at(0.5)} p95=${at(0.95)} p99=${at(0.99)} max=${at(1)} ms`;
}

function expectLifetimes(outcomes: Outcome[], finals: Map<string, UsageRecord>): void {
  const lives = outcomes.map(({ id, started }) => {
    const { at, reason } = finals.get(id) as UsageRecord;
    const deadline = Date.parse(started.deadline_at ?? '');
    const isDown = phoenix.down.some(({ from, to }) => deadline >= from - 50 && deadline <= to);
    return { id, reason, isDown, lateness: Date.parse(at) - deadline };
  });
  const late = (down: boolean) =>
    lives.filter(({ reason, isDown }) => reason === 'lifetime' && isDown === down).map(({ lateness }) => lateness);
  console.log(
    `lateness of lifetimes with a daemon: ${percentiles(late(false))}; without one: ${percentiles(late(true))}`,
  );
  expect(lives.filter(({ lateness, isDown }) => lateness >= (isDown ? LATE_DOWN_MS : LATE_UP_MS))).toEqual([]);
  expect(late(true).length + late(false).length).toBeGreaterThan(CONTAINERS / 20);
}

function finalsById(records: UsageRecord[]): Map<string, UsageRecord> {
  const finals = records.filter(({ type }) => type === 'final');
  expect(new Set(finals.map(({ run }) => run)).size).toBe(finals.length);
  const byId = new Map(finals.map((record) => [record.id, record]));
  expect(byId.size).toBe(finals.length); // no id was used twice
  return byId;
}

test(`${CONTAINERS} containers and a daemon that is killed ${KILLS} times`, { timeout: 1_800_000 }, async () => {
  console.log(`seed ${seed}: NIWA_CHAOS_SEED=${seed} repeats its choices`);
  const mounts = mountsOf(place);
  let next = 0;
  const outcomes: Outcome[] = [];
  const workers = Array.from({ length: AT_ONCE }, async () => {
    while (next < CONTAINERS) outcomes.push(await live(next++));
  });
  let kills = 0;
  const killing = (async () => {
    for (; kills < KILLS; kills++) {
      await sleep(random() * UP_MS);
      await phoenix.die();
    }
  })();
  await Promise.all([...workers, killing]);

  const niwad = await phoenix.current();
  // What was started without an answer goes on until its deadline, which is far away: whoever asked for it ends it.
  const stray = (await niwad.client.list()).filter(({ id, state }) => state !== 'exited' && unanswered.includes(id));
  await Promise.all(stray.map(({ id }) => niwad.client.stop(id, { timeout: '0s' }).catch(unlessOver)));
  await vi.waitFor(async () => {
    const left = (await niwad.client.list()).filter(({ state }) => state !== 'exited');
    expect(left.map(({ id }) => id)).toEqual([]);
  }, PATIENCE);
  const finals = finalsById(niwad.ledger());
  const answered = outcomes.map(({ id }) => id);
  expect(answered.filter((id) => !finals.has(id))).toEqual([]);
  const known = new Set([...answered, ...unanswered]);
  expect([...finals.keys()].filter((id) => !known.has(id))).toEqual([]);
  const reasons = [...finals.values()].map(({ reason }) => reason);
  const tally = Object.fromEntries([...new Set(reasons)].map((one) => [one, reasons.filter((r) => r === one).length]));
  console.log(`${answered.length} containers, ${unanswered.length} without an answer, ${kills} kills; ended:`, tally);
  expectLifetimes(outcomes, finals);
  for (const outcome of outcomes) if (outcome.kind !== 'removed') await expectWholeLog(niwad.client, outcome);

  for (const { id } of await niwad.client.list()) await niwad.client.remove(id);
  expect(niwad.groups()).toEqual([]);
  expect(readdirSync(join(place.runDir, 'containers'))).toEqual([]);
  expect(readdirSync(join(place.stateDir, 'logs'))).toEqual([]);
  expect(mountsOf(place)).toEqual(mounts);
  const ids = Array.from({ length: ID_RANGES }, (_, i) => `range-${i}`);
  for (const id of ids) await niwad.client.create({ id, process: { args: ['true'] } });
  for (const id of ids) await niwad.client.remove(id, { force: true });
  expect(await niwad.stop()).toBe(0);
  await vi.waitFor(() => expect(keeperOf(place)).toBeUndefined(), { timeout: 5000 * SLOWNESS });
  const processes = readdirSync('/proc').filter((pid) => /^[0-9]+$/.test(pid));
  const ours = processes.filter((pid) => /\/counts\/c-/.test(commandOf(pid)) || commandOf(pid).includes(place.runDir));
  expect(ours).toEqual([]);
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RulesTable } from '../../../src/network/services/rules-table.js';
import { FakeKernel } from '../../fake-kernel.js';

const numbers = { queue: 1, relayPort: 1023 };
const path = process.env.PATH;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-nft-'));
  process.env.PATH = `${directory}:${path}`;
});

afterEach(() => {
  process.env.PATH = path;
  rmSync(directory, { recursive: true });
});

/** Puts another nft in the place of the real one: it keeps the rules, and does this the first time. */
function nftThat(fails: string): void {
  const script = `#!/bin/sh\ncat > ${directory}/rules\n[ -e ${directory}/ran ] && exit 0\ntouch ${directory}/ran\n${fails}\n`;
  writeFileSync(join(directory, 'nft'), script, { mode: 0o755 });
}

const table = () => new RulesTable('br0', new FakeKernel(), pino({ level: 'silent' }));
const rules = () => readFileSync(join(directory, 'rules'), 'utf8');

it.each([
  ['was killed', 'kill -9 $$'],
  ['had no memory', "echo 'Error: Could not process rule: Cannot allocate memory' >&2; exit 1"],
])('a load by an nft that %s chooses no lesser rules for the time after', async (_, fails) => {
  nftThat(fails);
  const loaded = table();
  await expect(loaded.load(numbers, [])).rejects.toMatchObject({ code: 'HOST_ERROR' });
  await loaded.load(numbers, []);
  expect(rules()).toContain('queue to 1');
  expect(rules()).toContain('flags dynamic, timeout'); // the limits of rate
});

it('rules that the kernel refuses are left out', async () => {
  nftThat("echo 'Error: Could not process rule: No such file or directory' >&2; exit 1");
  await table().load(numbers, []);
  expect(rules()).toContain('queue to 1');
  expect(rules()).not.toContain('flags dynamic, timeout');
});

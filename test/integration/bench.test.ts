import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import type { Row } from '../bench/harness/report.mjs';
import { needsFile } from './support/host.js';

const BENCH = fileURLToPath(new URL('../bench/bench.mjs', import.meta.url));

it('runs the benchmarks, as few as can be, and writes their tables', async ({ skip }) => {
  needsFile(skip, '/usr/bin/cc', 'the floors are compiled');
  const out = mkdtempSync(join(tmpdir(), 'niwa-test-'));
  try {
    await execa('node', [BENCH, '--least', '--only', 'start,socket', '--out', out], { timeout: 50_000 });
    const { conditions, rows } = JSON.parse(readFileSync(join(out, 'bench.json'), 'utf8')) as {
      conditions: Record<string, string>;
      rows: Row[];
    };
    expect(conditions).toHaveProperty('kernel');
    expect(new Set(rows.map(({ family }) => family))).toEqual(new Set(['start', 'socket']));
    for (const { what, measured, ratio } of rows) {
      expect(measured?.n, what).toBeGreaterThan(0);
      expect(ratio, what).toBeGreaterThan(0);
    }
    expect(
      readFileSync(join(out, 'bench.md'), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('| ')),
    ).toHaveLength(rows.length + 2);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCgroup2Mount } from '../../../src/host/cgroup.js';
import { readEffective } from '../../../src/host/effective.js';

const mount = findCgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8'));
const group = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
const own = `${mount ?? ''}${group}`;
const field = (name: string) =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1];

describe.runIf(mount !== undefined)('what a process really has', () => {
  it("is the kernel's own words", () => {
    const effective = readEffective(process.pid, own);
    expect(effective?.uid_map.split('\n')[0]).toMatch(/^ ?\d+ \d+ \d+$/);
    expect(effective?.status).toMatchObject({
      CapEff: field('CapEff'),
      NoNewPrivs: field('NoNewPrivs'),
      Seccomp: field('Seccomp'),
      Uid: field('Uid'),
    });
    expect(effective?.namespaces).toMatchObject({
      user: readlinkSync('/proc/self/ns/user'),
      mnt: readlinkSync('/proc/self/ns/mnt'),
    });
    expect(effective?.limits['Max open files']).toMatch(/^(\d+|unlimited) +(\d+|unlimited)$/);
    expect(effective?.oom_score_adj).toMatch(/^-?\d+$/);
    expect(effective?.cgroup['cgroup.controllers']).toBe(readFileSync(join(own, 'cgroup.controllers'), 'utf8').trim());
  });

  it('can be sent as JSON', () => {
    const effective = readEffective(process.pid, own);
    expect(JSON.parse(JSON.stringify(effective))).toEqual(effective);
  });

  it('is nothing where the process is in another group: its pid has come to mean another', () => {
    expect(readEffective(process.pid, join(own, 'niwa', 'containers', 'web'))).toBeNull();
  });

  it('is nothing once the process has gone', async () => {
    const child = spawn('/bin/true');
    await once(child, 'exit');
    expect(readEffective(child.pid ?? 0, own)).toBeNull();
  });
});

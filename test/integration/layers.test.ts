// @module-tag vm
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BOOT_PROGRAM } from '../../src/kernel/programs.js';
import { encodeProgram } from '../../src/plan/encode.js';
import { exec } from '../../src/plan/ops.js';
import { rootOps } from '../../src/plan/root.js';
import type { Root } from '../../src/protocol/resolved-spec.js';
import { specOf } from '../unit/support.js';
import { needsFile } from './support/host.js';

const MOST = 128;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(process.env.NIWA_VM_DISK ?? '/var/tmp', 'niwa-test-layers-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Makes a layer with some files. */
function layer(name: string, files: Record<string, string>): string {
  const path = join(directory, name);
  mkdirSync(path);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
  return path;
}

/** Runs a line of shell in a root that niwa-boot builds, without a daemon: no field of a spec lists layers. */
async function sh(script: string, root: Partial<Root>): Promise<string> {
  const spec = specOf({ userns: 'host', namespaces: { cgroup: 'host' } });
  const stage = mkdtempSync(join(directory, 'stage-'));
  const ops = rootOps({ ...spec, root: { ...spec.root, path: null, ...root } }, stage, null);
  const child: ChildProcess = spawn('unshare', ['--mount', BOOT_PROGRAM], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  (child.stdio[3] as Socket).write(encodeProgram([...ops, exec(['/bin/sh', '-c', script], {})]));
  const [output, errors] = await Promise.all([
    text(child.stdio[1] as Socket),
    text(child.stdio[2] as Socket),
    once(child, 'exit'),
  ]);
  return (output + errors).trimEnd();
}

test(`up to ${MOST} directories are shown as one, and what is higher comes first`, async ({ skip }) => {
  const busybox = needsFile(skip, '/bin/busybox', 'a program that needs nothing of its root (package busybox-static)');
  const layers = Array.from({ length: MOST }, (_, i) => layer(`${i}:,\\`, { [`file-${i}`]: '', which: `${i}` }));
  const bottom = layers.at(-1) ?? '';
  mkdirSync(join(bottom, 'bin'));
  copyFileSync(busybox, join(bottom, 'bin/sh'));
  chmodSync(join(bottom, 'bin/sh'), 0o755);
  for (const name of ['dev', 'proc', 'sys']) mkdirSync(join(bottom, name));

  const script = 'cat /which; set -- file-*; echo " $#"; echo mine >/which && cat /which';
  const writable = { layers, overlay: { sizeBytes: null, directory: null } };
  expect(await sh(script, writable)).toBe(`0 ${MOST}\nmine`);
  expect(await sh(script, writable)).toBe(`0 ${MOST}\nmine`);
  expect(await sh(script, { layers: layers.slice(1), overlay: null })).toMatch(/^1 127\n.*Read-only file system$/);
});

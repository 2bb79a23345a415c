// @module-tag vm
// Technique: "shocker" (Docker before 1.0): files outside the root by guessed handles, with open_by_handle_at.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { attack, type Surroundings, test, unprotected } from './attack.js';

test('shocker: a container opens no file by its handle', async ({ niwad, volume }) => {
  const mounts = [{ type: 'bind', source: volume, target: '/volume' } as const];
  writeFileSync(join(volume, 'file'), '');
  expect(await attack(niwad, 'open-by-handle', ['/volume/file'], { mounts })).toEqual({
    name_to_handle_at: 'EPERM',
    open_by_handle_at: 'EPERM',
  });
});

test('shocker: nor does one without the filter and with the capability', async ({ niwad, volume }) => {
  const mounts = [{ type: 'bind', source: volume, target: '/volume' } as const];
  writeFileSync(join(volume, 'file'), '');
  const spec: Surroundings = { mounts, seccomp: 'unconfined', capabilities: { add: ['DAC_READ_SEARCH'] } };
  expect(await attack(niwad, 'open-by-handle', ['/volume/file'], spec)).toMatchObject({
    open_by_handle_at: 'EPERM',
  });
});

test("shocker, control: with the host's user namespace it opens the root of the disk", async ({ niwad, volume }) => {
  const mounts = [{ type: 'bind', source: volume, target: '/volume' } as const];
  writeFileSync(join(volume, 'file'), '');
  const spec = { ...unprotected('DAC_READ_SEARCH'), mounts };
  expect(await attack(niwad, 'open-by-handle', ['/volume/file'], spec)).toEqual({
    name_to_handle_at: 'worked',
    open_by_handle_at: 'worked',
  });
});

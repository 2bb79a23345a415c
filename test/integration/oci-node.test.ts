import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { PATIENCE } from './support/host.js';
import { NIWA_OCI, Oci } from './support/oci.js';

cleanUpDaemons();

const MIB = 1024 * 1024;

test('the defaults and ceilings of niwad do not apply to a container of an engine: its config is complete', async () => {
  const niwad = await startDaemon(newPlace({ defaults: { tmpfs: MIB, pids: 7 }, ceilings: { tmpfs: MIB, pids: 7 } }));
  const oci = new Oci(niwad);
  const sizes = join(niwad.place.files, 'sizes');
  const bundle = await oci.bundle('df --output=size -B1 /with /without > /sizes', (config) => {
    config.mounts.push(
      { destination: '/with', type: 'tmpfs', source: 'tmpfs', options: [`size=${8 * MIB}`] },
      { destination: '/without', type: 'tmpfs', source: 'tmpfs' },
      { destination: '/sizes', type: 'bind', source: sizes, options: ['bind', 'rw'] },
    );
  });
  writeFileSync(sizes, '');
  const id = oci.id();
  await oci.done('run', '--bundle', bundle, id);
  const [, withSize = 0, without = 0] = readFileSync(sizes, 'utf8').trim().split('\n').map(Number);
  expect(withSize).toBe(8 * MIB);
  expect(without).toBeGreaterThan(8 * MIB); // the kernel's own default: half of the memory
});

test('the hooks of the node run for a container of an engine', async () => {
  const place = newPlace();
  const notes = join(place.files, 'notes');
  const noting = (point: string) => [{ args: ['/bin/sh', '-c', `echo ${point} >> ${notes}`] }];
  writeFileSync(notes, '');
  writeFileSync(
    place.config,
    JSON.stringify({
      hooks: { beforeCreate: noting('beforeCreate'), afterStart: noting('afterStart'), afterExit: noting('afterExit') },
    }),
  );
  const oci = new Oci(await startDaemon(place));
  await oci.done('run', '--bundle', await oci.bundle('exit 0'), oci.id());
  await vi.waitFor(() => expect(readFileSync(notes, 'utf8')).toBe('beforeCreate\nafterStart\nafterExit\n'), PATIENCE);
});

test('where no niwad listens, the log that engines read has one line, which says what to do', async () => {
  const oci = new Oci({ place: newPlace() });
  const { exitCode, message } = await oci.make('state', 'x');
  expect(exitCode).not.toBe(0);
  expect(message).toMatch(/^cannot reach niwad on \S+: there is no such socket; start it/);
});

test('--config names another config of a bundle', async () => {
  const niwad = await startDaemon(newPlace());
  const oci = new Oci(niwad);
  const bundle = await oci.bundle('exit 3');
  const other = join(niwad.place.files, 'other.json');
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8'));
  config.process.args = ['sh', '-c', 'exit 5'];
  writeFileSync(other, JSON.stringify(config));
  expect((await oci.run('run', '--bundle', bundle, oci.id())).exitCode).toBe(3);
  expect((await oci.run('run', '--bundle', bundle, '--config', other, oci.id())).exitCode).toBe(5);
});

test('the command is a static program: it needs no loader and no library of the host', () => {
  const bytes = readFileSync(NIWA_OCI);
  const [at, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)]; // elf(5)
  const types = Array.from({ length: count }, (_, i) => bytes.readUInt32LE(at + i * size));
  const [PT_LOAD, PT_INTERP] = [1, 3];
  expect(types).toContain(PT_LOAD);
  expect(types).not.toContain(PT_INTERP);
});

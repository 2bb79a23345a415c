// @module-tag vm
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import { needsController, needsScratchDisk, PATIENCE } from './support/host.js';
import { test } from './support/test.js';

const MIB = 1024 * 1024;
const SIZE = 8 * MIB;
const run = (...[program = '', ...args]: string[]) => execFileSync(program, args, { stdio: 'pipe' }).toString().trim();

/**
 * Makes an ext4 on device mapper on a loop device on the disk, each of which passes its I/O on in the name of the
 * caller.
 */
function mountStack(directory: string): { mounted: string; devices: string[] } {
  const file = join(directory, 'image');
  writeFileSync(file, '');
  truncateSync(file, 4 * SIZE);
  run('sh', '-c', 'modprobe loop && modprobe dm-mod');
  const loop = run('losetup', '--find', '--show', '--direct-io=on', file);
  onTestFinished(() => void run('losetup', '--detach', loop));
  const name = `niwa-test-${process.pid}`;
  execFileSync('dmsetup', ['create', '--noudevsync', name], { input: `0 ${(4 * SIZE) / 512} linear ${loop} 0` });
  onTestFinished(() => void run('dmsetup', 'remove', '--noudevsync', name));
  const dm = run('dmsetup', 'info', '--columns', '--noheadings', '--separator', ':', '-o', 'major,minor', name);
  const node = join(directory, 'node');
  run('mknod', node, 'b', ...dm.split(':'));
  run('mkfs.ext4', '-q', node);
  const mounted = join(directory, 'mounted');
  mkdirSync(mounted);
  run('mount', node, mounted);
  onTestFinished(() => void run('umount', mounted));
  return { mounted, devices: [dm, readFileSync(`/sys/block/${loop.slice('/dev/'.length)}/dev`, 'utf8').trim()] };
}

test('what goes through stacked devices is counted once: in the status, the rates, the metrics and the record', async ({
  niwad,
  skip,
}) => {
  needsController(skip, 'io');
  const disk = needsScratchDisk(skip);
  const directory = mkdtempSync(join(disk.directory, 'niwa-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const { mounted, devices } = mountStack(directory);
  // What the container writes is on the disk already: no block is allocated, so nothing but the data is written.
  writeFileSync(join(mounted, 'data'), Buffer.alloc(SIZE), { flush: true });

  const write = `dd if=/dev/zero of=/disk/data bs=1M count=${SIZE / MIB} oflag=direct conv=notrunc 2>/dev/null; echo done`;
  await niwad.client.create({
    id: 'stacked',
    process: { args: ['sh', '-c', `sleep 1; ${write}; sleep 1000`] },
    mounts: [{ type: 'bind', source: mounted, target: '/disk' }],
  });
  onTestFinished(() => niwad.client.remove('stacked', { force: true }));
  let rated = 0; // bytes, by the rates
  const rating = (async () => {
    for await (const { rates } of niwad.client.streamStats('stacked'))
      rated += ((rates?.wbytes_per_second ?? 0) * (rates?.interval_usec ?? 0)) / 1e6;
  })();
  await niwad.client.start('stacked');
  for await (const { data } of niwad.client.logs('stacked', { follow: true })) if (data.includes('done')) break;
  await vi.waitFor(() => expect(rated).toBeGreaterThanOrEqual(SIZE - MIB), PATIENCE);

  const { usage } = await niwad.client.inspect('stacked');
  console.log(JSON.stringify(usage.io));
  const { wbytes = 0, devices: told = [] } = usage.io ?? {};
  expect(told.map(({ device }) => device).sort()).toEqual([...devices, disk.device].sort());
  expect(told.reduce((sum, device) => sum + device.wbytes, 0)).toBeGreaterThanOrEqual(3 * SIZE);
  expect(wbytes).toBeGreaterThanOrEqual(SIZE);
  expect(wbytes).toBeLessThan(SIZE + MIB);
  expect(told.filter(({ counted }) => counted?.includes('wbytes')).map((device) => device.wbytes)).toEqual([wbytes]);
  const metric = /niwa_container_io_written_bytes_total\{id="stacked".*\} (\d+)/.exec(await niwad.client.metrics());
  expect(Number(metric?.[1])).toBe(wbytes);
  expect(rated).toBeLessThan(SIZE + MIB);

  await niwad.client.stop('stacked', { timeout: 0 });
  await rating;
  const [record] = niwad.ledger('stacked');
  expect(record?.usage?.io?.wbytes).toBe(wbytes);
  const [row] = (await niwad.client.usage({ since: record?.at ?? '' })).rows.filter(({ key }) => key === 'stacked');
  expect(row?.wbytes).toBe(wbytes);
});

import { expect, it } from 'vitest';
import { DeviceFiles } from '../../../src/images/device-files.js';
import type { TarEntry } from '../../../src/images/tar/entry.js';
import { translate } from '../../../src/images/translate.js';

const entryOf = (type: TarEntry['type'], path: string, target = ''): TarEntry => ({
  ...{ type, path, target, mode: 0, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0, size: 0, xattrs: [] },
});
function leftOut(devices: DeviceFiles, entry: TarEntry): boolean {
  const made = translate(entry);
  return made !== null && devices.leaveOut(made, entry);
}

it('leaves out device files and hard links to them, and tells those outside of /dev', () => {
  const devices = new DeviceFiles();
  expect(leftOut(devices, entryOf('link', 'early', 'disk'))).toBe(false);
  expect([leftOut(devices, entryOf('char', 'dev/null')), devices.text]).toEqual([true, null]);
  expect(leftOut(devices, entryOf('block', './disk'))).toBe(true);
  expect(leftOut(devices, entryOf('link', 'again', '/disk'))).toBe(true);
  expect(leftOut(devices, entryOf('file', 'disk'))).toBe(false);
  expect(leftOut(devices, entryOf('link', 'file', 'disk'))).toBe(false);
  expect(devices.text).toBe('device files outside of /dev are left out (2): "disk", "again"');
});

it('names only some of many', () => {
  const devices = new DeviceFiles();
  for (let i = 0; i < 1000; i++) leftOut(devices, entryOf('char', `d${i}`));
  expect(devices.text).toMatch(/\(1000\): .* "d9", \.\.\.$/);
});

import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { deviceText, USUAL_DEVICES } from '../../../src/plan/devices.js';
import { makePlan } from '../../../src/plan/plan.js';
import { capableHost, specOf } from '../support.js';

describe('the devices of a container', () => {
  it.each(['null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx'])('have /dev/%s among them', (name) => {
    const { rdev } = statSync(`/dev/${name === 'ptmx' ? 'pts/ptmx' : name}`);
    expect(USUAL_DEVICES).toContainEqual({ type: 'c', major: rdev >> 8, minor: rdev & 0xff });
  });

  it('are no others: no disk, no memory, no terminal of the host', () => {
    expect(USUAL_DEVICES.map(({ type, major, minor }) => `${type} ${major}:${minor}`)).toEqual([
      'c 1:3',
      'c 1:5',
      'c 1:7',
      'c 1:8',
      'c 1:9',
      'c 5:0',
      'c 5:2',
      'c 136:-1',
    ]);
  });

  it('are those that /dev is made with, and what the spec names beside', () => {
    const fuse = { type: 'c' as const, major: 10, minor: 229 };
    const plan = makePlan(specOf({ devices: ['/dev/fuse'] }), { ...capableHost, deviceNodes: [fuse] });
    expect(plan.devices).toEqual([...USUAL_DEVICES, fuse]);
    for (const { name, numbers } of plan.boot) {
      if (name !== 'mknod') continue;
      const device = Number(numbers[1]);
      expect(plan.devices).toContainEqual({ type: 'c', major: device >> 8, minor: device & 0xff });
    }
  });

  it('are told in words', () => {
    const rules = [
      { type: 'c' as const, major: 1, minor: 3 },
      { type: 'b' as const, major: 8, minor: -1 },
      { type: 'a' as const, major: -1, minor: -1, access: 'm', forbids: true as const },
    ];
    expect(deviceText(rules)).toBe('let only these devices be used: c 1:3, b 8:*, not a *:* m');
  });
});

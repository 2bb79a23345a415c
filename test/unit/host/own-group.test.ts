import { describe, expect, it } from 'vitest';
import { baseOf, findOwnGroup, nameOfTree } from '../../../src/host/own-group.js';

describe('the group of a process', () => {
  it.each<[string, string, string | undefined]>([
    ['a unified host', '0::/system.slice/niwad.service\n', 'system.slice/niwad.service'],
    ['a hybrid host', '9:name=systemd:/a\n8:pids:/b\n0::/user.slice\n', 'user.slice'],
    ['the root', '0::/\n', ''],
    ['a name with a colon', '0::/a:b/c\n', 'a:b/c'],
    ['a host with v1 only', '9:name=systemd:/a\n', undefined],
    ['a group outside of the namespace', '0::/../other\n', undefined],
    ['a group that was removed', '0::/gone (deleted)\n', undefined],
  ])('is found on %s', (_, text, group) => {
    expect(findOwnGroup(text)).toBe(group);
  });

  it.each([
    ['system.slice/niwad.service', 'system.slice/niwad.service'],
    ['system.slice/niwad.service/daemon', 'system.slice/niwad.service'],
    ['niwa/daemon/daemon', 'niwa/daemon'],
    ['niwa/mydaemon', 'niwa/mydaemon'],
    ['daemon', 'daemon'],
  ])('%s makes %s the base', (group, base) => {
    expect(baseOf(group)).toBe(base);
  });

  it('is not asked for where a name is configured', () => {
    expect(nameOfTree('niwa/two')).toBe('niwa/two');
  });
});

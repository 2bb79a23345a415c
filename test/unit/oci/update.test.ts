import { describe, expect, it } from 'vitest';
import { completed, resourcesOf } from '../../../src/oci/update.js';

const of = (options: Record<string, string>) => resourcesOf((name) => options[name]);

describe('the options of an update', () => {
  it('are fields of linux.resources', () => {
    const options = {
      memory: '512m',
      'memory-swap': '-1',
      'cpu-share': '512',
      'cpuset-cpus': '0-1',
      'pids-limit': '9',
    };
    expect(of(options)).toEqual({
      memory: { limit: 536_870_912, swap: -1 },
      cpu: { shares: 512, cpus: '0-1' },
      pids: { limit: 9 },
    });
    expect(of({})).toEqual({});
  });

  it('are refused beside the file of --resources', () => {
    const resources = '{"pids": {"limit": 3}, "cpu": null}';
    expect(of({ resources, memory: '' })).toEqual({ pids: { limit: 3 } });
    expect(() => of({ resources, memory: '1g' })).toThrow('--memory: the file of --resources has all limits');
  });

  it.each([
    [{ memory: 'much' }, '--memory "much": it has to be bytes'],
    [{ 'cpu-quota': '1.5' }, '--cpu-quota "1.5": it has to be an integer'],
    [{ 'kernel-memory': '1m' }, 'linux.resources.memory.kernel: cgroup v2 has no such limit'],
    [{ resources: '{"network": {"priorities": [{}]}}' }, 'linux.resources.network.priorities: niwa-oci does not'],
    [{ resources: '{"rdma": {"a": 1}}' }, 'linux.resources.rdma: it has to be an object of objects'],
    [{ resources: '[]' }, 'linux.resources: it has to be an object'],
    [{ resources: '{' }, 'the file of --resources is no JSON'],
  ])('%j are refused by their names', (options, message) => {
    expect(() => of(options as Record<string, string>)).toThrow(message);
  });
});

describe('what a change leaves out', () => {
  const files: Record<string, string> = { 'cpu.max': '5000 20000', 'memory.max': '1000' };
  const read = (file: string) => files[file] ?? '';

  it('is as it was, where a file has it together with what it names', () => {
    expect(completed({ cpu: { quota: 7000 } }, read)).toEqual({ cpu: { quota: 7000, period: 20_000 } });
    expect(completed({ cpu: { period: 10_000 } }, read)).toEqual({ cpu: { period: 10_000, quota: 5000 } });
    expect(completed({ memory: { swap: 1500 } }, read)).toEqual({ memory: { swap: 1500, limit: 1000 } });
  });

  it('is not asked for, where there is no such file', () => {
    const change = { cpu: { period: 10_000 }, memory: { swap: 5 } };
    expect(completed(change, () => '')).toEqual(change);
  });
});

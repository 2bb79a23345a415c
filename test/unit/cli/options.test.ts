import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type SpecOptions, toSpec } from '../../../src/cli/spec-options.js';
import type { SpecInput } from '../../../src/protocol/spec.js';
import { parseSpec } from '../../../src/spec/spec.js';

const directory = mkdtempSync(join(tmpdir(), 'niwa-options-'));
const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const variables = file('env', '# a comment\n\n  A=1\nHOME\nNOT_SET_ANYWHERE\nB="x y"\n');
const labels = file('labels', 'tier=front\n#no\n');
const profile = file('seccomp.json', '{"defaultAction": "SCMP_ACT_ALLOW"}');
afterAll(() => rmSync(directory, { recursive: true }));

/** Each flag as Docker has it, and the part of the spec that says the same. */
const FLAGS: [options: SpecOptions, fields: Partial<SpecInput>][] = [
  [
    { capAdd: ['CAP_IPC_OWNER', 'chown'], capDrop: ['ALL'] },
    { capabilities: { add: ['CAP_IPC_OWNER', 'chown'], drop: ['ALL'] } },
  ],
  [{ device: ['/dev/fuse', '/dev/zero:/dev/zero:rwm'] }, { devices: ['/dev/fuse', '/dev/zero'] }],
  [
    { ulimit: ['nofile=1024:2048', 'core=-1', 'nproc=5'] },
    {
      rlimits: {
        nofile: { soft: 1024, hard: 2048 },
        core: { soft: 'unlimited', hard: 'unlimited' },
        nproc: { soft: 5, hard: 5 },
      },
    },
  ],
  [
    { addHost: ['db:10.0.0.5', 'v6:[fd00::1]', 'host:host-gateway', 'old=fd00::2'] },
    { network: { hosts: { db: '10.0.0.5', v6: 'fd00::1', host: 'host-gateway', old: 'fd00::2' } } },
  ],
  [
    { dns: ['1.1.1.1'], dnsSearch: ['a.example'], dnsOption: ['ndots:2'], ip: '10.88.0.9' },
    { network: { address: '10.88.0.9', dns: { servers: ['1.1.1.1'], search: ['a.example'], options: ['ndots:2'] } } },
  ],
  [
    { userns: 'host', pid: 'host', ipc: 'private' },
    { userns: 'host', namespaces: { pid: 'host', ipc: 'new' } },
  ],
  [{ securityOpt: ['no-new-privileges', 'seccomp=unconfined'] }, { seccomp: 'unconfined' }],
  [{ securityOpt: [`seccomp=${profile}`] }, { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } }],
  [
    { publish: ['80', '127.0.0.1::81', '8000-8001:90-91/udp'] },
    { network: { ports: ['80', '127.0.0.1::81', '8000:90/udp', '8001:91/udp'] } },
  ],
  [
    { shmSize: '1g', sysctl: ['net.core.somaxconn=512'] },
    { shmSize: '1G', sysctls: { 'net.core.somaxconn': '512' } },
  ],
  [
    { mount: ['type=bind,src=/a,dst=/b,ro', 'type=tmpfs,target=/t,tmpfs-size=1m'] },
    {
      mounts: [
        { type: 'bind', source: '/a', target: '/b', readonly: true },
        { type: 'tmpfs', target: '/t', size: '1M' },
      ],
    },
  ],
  [{ volume: ['./a:/b'] }, { mounts: [{ type: 'bind', source: resolve('a'), target: '/b', readonly: false }] }],
  [{ tmpfs: ['/run:rw,nosuid,size=64m,mode=1777'] }, { mounts: [{ type: 'tmpfs', target: '/run', size: '64M' }] }],
  [
    { memory: '512m', memorySwap: '1g', memoryReservation: '100M', cpuShares: '1024', cpusetCpus: '0-1' },
    { resources: { cpu: { cpus: '0-1', weight: 39 }, memory: { max: '512M', low: '100M', swapMax: 2 ** 29 } } },
  ],
  [
    { memory: '1g', memorySwap: '-1', pidsLimit: '-1' },
    { resources: { memory: { max: '1G', swapMax: 'max' }, pids: 'max' } },
  ],
  [{ labelFile: [labels], label: ['a=b'] }, { labels: { tier: 'front', a: 'b' } }],
  [{ oomScoreAdj: '500' }, { oomScoreAdj: 500 }],
];

it.each(FLAGS)('%j is a part of the spec that niwad takes', (options, fields) => {
  const spec = toSpec(options, ['true']);
  expect(spec).toEqual({ process: { args: ['true'] }, ...fields });
  expect(() => parseSpec(spec, 'a')).not.toThrow();
});

it('takes variables of a file, and of the caller', () => {
  const { process: made } = toSpec({ envFile: [variables], env: ['A=2', 'PATH', 'NOT_SET_ANYWHERE'] }, ['env']);
  expect(made?.env).toEqual({ A: '2', HOME: process.env.HOME, PATH: process.env.PATH, B: '"x y"' });
});

it('adds to what the spec of a file has', () => {
  const base: SpecInput = {
    capabilities: { drop: ['KILL'] },
    devices: ['/dev/a'],
    network: { hosts: { a: '10.0.0.1' } },
  };
  expect(toSpec({ capAdd: ['SYSLOG'], device: ['/dev/b'], addHost: ['b:10.0.0.2'] }, [], base)).toMatchObject({
    capabilities: { drop: ['KILL'], add: ['SYSLOG'] },
    devices: ['/dev/a', '/dev/b'],
    network: { hosts: { a: '10.0.0.1', b: '10.0.0.2' } },
  });
});

describe('is refused, with what to write:', () => {
  it.each<[options: SpecOptions, words: string]>([
    [{ ulimit: ['nofile'] }, 'NAME=SOFT[:HARD]'],
    [{ addHost: ['db'] }, 'NAME:ADDRESS'],
    [{ device: ['/dev/a:/dev/b'] }, 'the same path'],
    [{ device: ['/dev/a:/dev/a:r'] }, 'all rights'],
    [{ securityOpt: ['apparmor=x'] }, 'seccomp=FILE'],
    [{ securityOpt: ['seccomp=/no/such'] }, 'cannot read'],
    [{ securityOpt: [`seccomp=${labels}`] }, 'no JSON'],
    [{ publish: ['80-82:1-2'] }, 'ranges of the same length'],
    [{ memorySwap: '1g' }, 'at least --memory'],
    [{ memory: '1g', memorySwap: '512m' }, 'at least --memory'],
    [{ cpuShares: '1' }, 'from 2 to 262144'],
    [{ mount: ['type=bind,soruce=/a,target=/b'] }, 'did you mean source?'],
    [{ mount: ['type=bind,source=/a'] }, 'target=PATH'],
    [{ tmpfs: ['/t:noexec'] }, 'size=BYTES'],
    [{ envFile: ['/no/such'] }, 'cannot read'],
    [{ env: ['=x'] }, 'NAME=VALUE, or NAME'],
    [{ pid: 'container:a' }, 'private, host'],
  ])('%j', (options, words) => {
    expect(() => toSpec(options, ['true'])).toThrow(
      expect.objectContaining({ code: 'SPEC_INVALID', message: expect.stringContaining(words) }),
    );
  });
});

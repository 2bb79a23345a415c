import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSpecFile } from '../../../src/cli/spec-file.js';
import type { Spec } from '../../../src/protocol/resolved-spec.js';
import { type SpecInput, SpecSchema } from '../../../src/protocol/spec.js';
import { changeOfCapabilities, resolveCapabilities } from '../../../src/spec/capabilities.js';
import { DEFAULT_BOUNDS, resolveBounds, withDefaults } from '../../../src/spec/ceilings.js';
import type { ImageDefaults } from '../../../src/spec/image.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { writtenSpec } from '../../../src/spec/written-spec.js';
import { parseYaml } from '../../../src/spec/yaml.js';
import { specInputs } from '../arbitrary.js';

const image: ImageDefaults = {
  name: 'shop:latest',
  id: 'sha256:0',
  layers: ['/layers/1'],
  user: '33:44',
  namesGroup: false,
  env: { PATH: '/bin', LANG: 'C' },
  entrypoint: ['/entry'],
  cmd: ['serve'],
  cwd: '/srv',
  labels: { vendor: 'x' },
  stopSignal: 'SIGQUIT',
};
const parse = (input: unknown, from = image) => parseSpec(input, 'free', () => from);
const args = ['/bin/true'];

/** What a spec becomes when it is written and given back. */
const again = (spec: Spec, from = image) => parse(writtenSpec(spec), from);

describe('a spec that is written means the same', () => {
  it('whatever it has', () => {
    let parsed = 0;
    fc.assert(
      fc.property(specInputs, (input) => {
        let spec: Spec;
        try {
          spec = parse(input);
        } catch {
          return; // some go together with no other, such as two hooks of one point
        }
        parsed++;
        expect(again(spec)).toEqual(spec);
      }),
      { numRuns: 500 },
    );
    expect(parsed).toBeGreaterThan(200);
  });

  it.each<[string, Partial<SpecInput>]>([
    ['a user by name', { process: { args, user: 'app' } }],
    ['a user of two names', { process: { args, user: 'app:web' } }],
    ['a network', { network: {} }],
    [
      'a whole network',
      {
        network: {
          address: '10.88.0.9',
          ports: [
            '8080:80',
            '127.0.0.1:53:53/udp',
            '[::2]:1:2',
            { host: 3, container: 4 },
            '80',
            '127.0.0.1::80/udp',
            '[::2]::5',
          ],
          group: 'shops',
          rate: { in: '1M', out: 1500 },
          linkLocal: 'allow',
          dns: { servers: ['192.0.2.1'], search: [], options: ['ndots:1'] },
          hosts: { db: '10.88.0.3', host: 'host-gateway' },
        },
      },
    ],
    ['a root file', { root: { file: '/srv/root.squashfs' } }],
    ['a root file without an overlay', { root: { file: '/srv/root.squashfs', overlay: false } }],
    ['a kept overlay', { root: { path: '/srv/root', overlay: { directory: '/srv/kept', size: '64M' } } }],
    ['all capabilities', { capabilities: { add: ['ALL'] } }],
    ['no capabilities', { capabilities: { drop: ['ALL'] } }],
    ['a hook that may fail', { hooks: { afterStart: [{ args: ['/hook', 'x'], onError: 'log', env: { A: 'b' } }] } }],
    ['a command that tells readiness', { ready: { command: args, every: '90s', timeout: '1h', onTimeout: 'log' } }],
    ['settings of sysctl and of /dev/shm', { sysctls: { 'net.core.somaxconn': '99' }, shmSize: '1.5M' }],
    ['standard input', { process: { args, stdin: true } }],
    ['automatic removal', { autoRemove: true }],
    [
      'binds',
      {
        mounts: [
          { type: 'bind', source: '/a', target: '/b', propagation: 'rslave', idmap: false },
          { type: 'tmpfs', target: '/c', size: '64M' },
        ],
      },
    ],
    ['an image', { root: { image: 'shop' } }],
    ['an image and a user', { root: { image: 'shop', readonly: true }, process: { user: 7 } }],
    ['an image and a group', { root: { image: 'shop' }, process: { user: '7:8', entrypoint: ['/own'], args: ['x'] } }],
    [
      'an image and more',
      { root: { image: 'shop' }, process: { args: ['x'], env: { LANG: 'de' } }, labels: { a: 'b' } },
    ],
    ['a host name in a namespace of others', { id: 'a', hostname: 'a', namespaces: { uts: '/proc/42/ns/uts' } }],
    ['an id that is no host name', { id: 'a_b-' }],
  ])('%s', (_, input) => {
    const spec = parse({ process: { args }, ...input });
    expect(again(spec)).toEqual(spec);
  });

  it('of an image that names its group', () => {
    const grouped = { ...image, user: 'app:web', namesGroup: true };
    const spec = parse({ root: { image: 'shop' } }, grouped);
    expect(again(spec, grouped)).toEqual(spec);
  });

  it('in each example of the documentation', async () => {
    const documents = readdirSync('docs')
      .filter((name) => name.endsWith('.md'))
      .map((name) => readFileSync(`docs/${name}`, 'utf8'));
    const blocks = documents.flatMap((text) =>
      [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, yaml = '']) => yaml),
    );
    const written = blocks.map(
      (yaml) => parseYaml(yaml, 'an example') as Partial<SpecInput> & { template?: SpecInput },
    );
    const files = await Promise.all(readdirSync('examples').map(async (name) => await exampleOf(name)));
    const whole = written.map((value) => value.template ?? value).filter((value) => Object.keys(value).every(isField));
    const inputs = [...whole, ...files.flat()];
    expect(inputs.length).toBeGreaterThan(8);
    for (const input of inputs) {
      const spec = parse({ process: { args }, ready: { tcp: 80 }, ...input }); // some are a part of a spec
      expect(again(spec)).toEqual(spec);
    }
  });
});

/** Whether a name is that of a field of a spec: some examples are a part of one. */
function isField(name: string): boolean {
  return Object.hasOwn(SpecSchema.properties, name);
}

/** The spec of an example of the project; none where the folder has no such file. */
async function exampleOf(folder: string): Promise<Partial<SpecInput>[]> {
  const file = `examples/${folder}/niwa.yaml`;
  return existsSync(file) ? [await readSpecFile(file)] : [];
}

it('leaves out what follows by itself', () => {
  expect(writtenSpec(parse({ id: 'web', process: { args } }))).toEqual({ id: 'web', process: { args } });
});

it('leaves out the limits that niwad has chosen', () => {
  const written = parse({ id: 'web', process: { args }, resources: { memory: { high: '64M' } } });
  const bounded = withDefaults(written, resolveBounds(DEFAULT_BOUNDS, 2 ** 34), ['pids', 'memory']);
  expect(bounded.resources.pids).toBe(2048);
  expect(writtenSpec(bounded).resources).toEqual({ memory: { high: '64M' } });
});

it('writes values as people do', () => {
  const input = {
    id: 'web',
    process: { args, umask: '0077' },
    lifetime: '1h30m',
    stopTimeout: '250ms',
    resources: { cpu: { max: 0.5, burst: '20ms' }, memory: { max: '512M', high: 'max' as const } },
    rlimits: { nofile: 1024 },
    capabilities: { add: ['SYS_PTRACE'], drop: ['CHOWN'] },
    network: { mode: 'bridge' as const, ports: ['127.0.0.1:8080:80', '53:53/udp'] },
  };
  expect(writtenSpec(parse(input))).toEqual(input);
});

it('changes of capabilities are the inverse of their sets', () => {
  for (const change of [{}, { add: ['ALL'] }, { drop: ['ALL'] }, { add: ['BPF'], drop: ['KILL'] }]) {
    const names = resolveCapabilities(change);
    expect(resolveCapabilities(changeOfCapabilities(names))).toEqual(names);
  }
});

describe('a spec as inspect shows it', () => {
  const spec = parse({ id: 'web', process: { args }, lifetime: '1h', labels: { a: 'b' } });

  it('is taken, also as JSON', () => {
    expect(parse(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  it('is taken with a change, and without what no input may have', () => {
    const service = { name: 'shop', revision: 1 };
    const diskIds = { uids: [{ container: 0, host: 0, size: 9 }], gids: [{ container: 0, host: 0, size: 9 }] };
    expect(parse({ ...spec, id: 'other', lifetimeUsec: 1e6, service, diskIds })).toEqual({
      ...spec,
      id: 'other',
      lifetimeUsec: 1e6,
    });
  });

  it.each([
    ['a field of a user', { lifetime: '5m' }, 'lifetime: found a field that niwa does not know'],
    ['a field further in', { process: { ...spec.process, entrypoint: [] } }, 'process.entrypoint: found a field'],
    ['a wrong value', { lifetimeUsec: 'x' }, 'lifetimeUsec: found "x"'],
  ])('is refused with %s', (_, change, words) => {
    expect(() => parse({ ...spec, ...change })).toThrow(words);
  });

  it('is checked like any other', () => {
    expect(() => parse({ ...spec, jitterUsec: 7200e6 })).toThrow('jitter: found "2h"');
  });
});

import fc from 'fast-check';
import { RLIMIT_NAMES } from '../../src/protocol/spec/process.js';
import type { SpecInput } from '../../src/protocol/spec.js';
import { parseBytes } from '../../src/protocol/units.js';

/** What users may write, for the property tests. */

const optional = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(model, { requiredKeys: [] });
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !value.includes('\0'));
const path = fc.stringMatching(/^(\/[a-z0-9_:][a-z0-9._:\\ -]{0,7}){1,3}$/);
const bytes = fc.oneof(fc.nat(), fc.stringMatching(/^[0-9]{1,3}(\.[0-9]{1,2})?[KMGT]?(i?B)?$/));
const moreThanNone = bytes.filter((size) => parseBytes(size) !== 0);
const limit = fc.oneof(fc.constant('max' as const), bytes);
const count = fc.oneof(fc.constant('max' as const), fc.integer({ min: 1, max: 4_194_304 }));
const duration = fc.oneof(
  fc.double({ min: 0, max: 1e9, noNaN: true }),
  fc.stringMatching(/^([0-9]{1,3}(\.[0-9]{1,2})?(ms|s|m|h|d)){1,3}$/),
);
const namespace = fc.oneof(fc.constantFrom('new', 'host'), path);
const readonly = fc.boolean();

const cpu = optional({
  max: fc.oneof(fc.constant('max' as const), fc.double({ min: 0.01, max: 64, noNaN: true })),
  burst: fc.integer({ min: 0, max: 200 }).map((milliseconds) => `${milliseconds}ms`),
  weight: fc.integer({ min: 1, max: 10_000 }),
  cpus: fc.stringMatching(/^[0-9](-[0-9])?(,[0-9])?$/),
}).map(({ burst, ...rest }) => {
  const quotaMs = typeof rest.max === 'number' ? Math.floor(rest.max * 100) : rest.max === 'max' ? -1 : 200;
  return burst !== undefined && Number.parseInt(burst, 10) <= quotaMs ? { ...rest, burst } : rest;
});

/** Limits on the devices of `capableHost`. */
export const resourcesInputs = optional({
  cpu,
  memory: optional({ max: limit, high: limit, low: limit, min: limit, swapMax: limit, oomGroup: fc.boolean() }),
  io: fc.array(
    fc.record(
      {
        device: fc.constantFrom('/dev/vda', '/dev/vdb', '8:0'),
        rbps: limit,
        wbps: limit,
        riops: count,
        wiops: count,
      },
      { requiredKeys: ['device'] },
    ),
    { maxLength: 3 },
  ),
  pids: count,
});

const mounts = fc.array(
  fc.oneof(
    fc.record(
      { type: fc.constant('bind' as const), source: path, target: path, readonly, idmap: fc.boolean() },
      { requiredKeys: ['type', 'source', 'target'] },
    ),
    fc.record(
      { type: fc.constant('tmpfs' as const), target: path, size: moreThanNone, readonly },
      { requiredKeys: ['type', 'target'] },
    ),
    fc.record(
      { type: fc.constant('volume' as const), source: fc.constantFrom('db', 'A.b_c-1'), target: path, readonly },
      { requiredKeys: ['type', 'source', 'target'] },
    ),
  ),
  { maxLength: 3 },
);

const rlimitValue = fc.oneof(fc.constant('unlimited' as const), fc.nat());
const rlimits = fc.dictionary(
  fc.constantFrom(...RLIMIT_NAMES),
  fc.oneof(
    rlimitValue,
    fc.nat().map((soft) => ({ soft, hard: soft + 1 })),
  ),
  { noNullPrototype: true, maxKeys: 4 },
);

const capabilities = fc.array(fc.constantFrom('ALL', 'chown', 'CAP_KILL', 'NET_ADMIN', 'SYS_PTRACE'), { maxLength: 3 });

/** Maps that have the ids of {@link users}. */
const idMap = fc
  .tuple(fc.nat({ max: 1000 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
  .map(([gap, low, high]) => [
    { container: 0, host: 100_000, size: 99_999 + low },
    { container: 100_000 + low + gap, host: 1_000_000, size: high },
  ]);
const userns = fc.oneof(fc.constantFrom('auto' as const, 'host' as const), fc.record({ uids: idMap, gids: idMap }));
const users = fc.oneof(fc.nat({ max: 65_535 }), fc.constantFrom('33', '1000:100', '65535:0'));

const action = fc.constantFrom('SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_LOG');
const errnoRet = fc.integer({ min: 0, max: 4095 });
const argument = fc.record(
  {
    index: fc.integer({ min: 0, max: 5 }),
    value: fc.maxSafeNat(),
    valueTwo: fc.maxSafeNat(),
    op: fc.constantFrom('SCMP_CMP_EQ', 'SCMP_CMP_NE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ'),
  },
  { requiredKeys: ['index', 'value', 'op'] },
);
const rule = fc.record(
  {
    names: fc.uniqueArray(fc.constantFrom('read', 'write', 'ptrace', 'no_such_call'), { minLength: 1, maxLength: 3 }),
    action,
    errnoRet,
    args: fc.array(argument, { maxLength: 2 }),
  },
  { requiredKeys: ['names', 'action'] },
);

/** Profiles of system calls. */
export const seccompProfiles: fc.Arbitrary<Exclude<SpecInput['seccomp'], string | undefined>> = fc.record(
  {
    defaultAction: action,
    defaultErrnoRet: errnoRet,
    architectures: fc.constant(['SCMP_ARCH_X86_64']),
    syscalls: fc.array(rule, { maxLength: 3 }),
  },
  { requiredKeys: ['defaultAction'] },
);

const anyInput = fc.record(
  {
    id: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/),
    process: fc.record(
      {
        args: fc.array(text, { minLength: 1, maxLength: 4 }).map(([, ...rest]) => ['/bin/program', ...rest]),
        env: fc.dictionary(fc.stringMatching(/^[A-Z_a-z.]{1,12}$/), text, { noNullPrototype: true }),
        cwd: path,
        user: users,
        umask: fc.constantFrom('022', '0077', '000', '0777'),
        tty: fc.boolean(),
      },
      { requiredKeys: ['args'] },
    ),
    root: optional({ path, readonly, overlay: fc.oneof(fc.boolean(), fc.record({ size: moreThanNone })) }),
    hostname: fc.constantFrom('a', 'web-1.example'),
    mounts,
    namespaces: optional({
      mount: namespace,
      pid: namespace,
      network: namespace,
      ipc: namespace,
      uts: namespace,
      cgroup: namespace,
    }),
    resources: resourcesInputs,
    rlimits,
    capabilities: optional({ add: capabilities, drop: capabilities }),
    userns,
    seccomp: fc.oneof(fc.constantFrom('default' as const, 'unconfined' as const), seccompProfiles),
    devices: fc.array(fc.constantFrom('/dev/fuse', '/dev/dri/card0', '/dev/net/tun'), { maxLength: 2 }),
    lifetime: fc.double({ min: 1, max: 1e9, noNaN: true }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    stopSignal: fc.oneof(fc.integer({ min: 1, max: 64 }), fc.constantFrom('TERM', 'SIGQUIT', '9')),
    stopTimeout: duration,
    init: fc.boolean(),
    restart: fc.record(
      { policy: fc.constantFrom('no' as const, 'on-failure' as const, 'always' as const), max: fc.nat() },
      { requiredKeys: ['policy'] },
    ),
    labels: fc.dictionary(fc.stringMatching(/^[a-z][a-z./-]{0,9}$/), text, { noNullPrototype: true }),
    owner: fc.stringMatching(/^[a-z]{1,9}$/),
    oomScoreAdj: fc.integer({ min: -1000, max: 1000 }),
    hooks: optional({
      onStop: fc.array(
        fc.record({ args: fc.constant<string[]>(['/no/such/program']), timeout: fc.constant<string>('5s') }),
        { maxLength: 2 },
      ),
      interval: fc.array(
        fc.record({ args: fc.constant<string[]>(['/no/such/program']), every: fc.constant<string>('1h') }),
        { maxLength: 2 },
      ),
    }),
    ready: fc.constantFrom({ tcp: 80 }, { http: { port: 80, path: '/' }, every: 1 }),
  },
  { requiredKeys: ['process'] },
);

/** Specs that niwa takes. */
export const specInputs: fc.Arbitrary<SpecInput> = anyInput.map(
  ({ root, mounts, hostname, jitter, userns, capabilities, ...rest }) => {
    const { mount = 'new', uts = 'new' } = rest.namespaces ?? {};
    const input: SpecInput = rest;
    if (mount === 'new' && root !== undefined) input.root = root;
    if (mount === 'new' && mounts !== undefined) input.mounts = mounts;
    if (userns !== undefined && (mount === 'new' || userns === 'host')) input.userns = userns;
    if (capabilities !== undefined) {
      const outside = mount !== 'new' || userns === 'host';
      const { add = [], ...dropped } = capabilities;
      input.capabilities = { ...dropped, add: add.filter((name) => outside || name !== 'NET_ADMIN') };
    }
    if (uts !== 'host' && hostname !== undefined) input.hostname = hostname;
    if (rest.lifetime !== undefined && jitter !== undefined) input.jitter = jitter;
    return input;
  },
);

/** Values near a spec: one place of a valid one holds something else. */
export const nearSpecInputs: fc.Arbitrary<unknown> = fc
  .tuple(specInputs, fc.nat(), fc.jsonValue({ maxDepth: 3 }))
  .map(([input, choice, other]) => {
    const copy: unknown = structuredClone(input);
    const places = placesIn(copy);
    const [holder, key] = places[choice % places.length] ?? [];
    if (holder !== undefined && key !== undefined) holder[key] = other;
    return copy;
  });

function placesIn(value: unknown): [Record<string, unknown>, string][] {
  if (value === null || typeof value !== 'object') return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [[holder, key], ...placesIn(holder[key])]);
}

import type { Limit, Resources, Spec } from '../protocol/resolved-spec.js';
import type { ResourcesInput, SpecInput } from '../protocol/spec.js';
import { changeOfCapabilities } from './capabilities.js';
import { hostnameFrom } from './hostname.js';
import { DEFAULT_STOP_TIMEOUT_USEC } from './lifetime.js';
import { defaultEnv } from './process.js';
import { writtenRestart } from './restart.js';
import { writtenHooks, writtenMount, writtenNetwork, writtenReady, writtenRoot } from './written-parts.js';
import { given, notEmpty, unless, writtenBytes, writtenDuration } from './written-values.js';

/**
 * Writes a spec as its user could have written it, without what follows by itself: defaults, the limits that niwad
 * chose, the ids on disk, the service of an instance. A create that is given it makes the same spec again, as long as
 * the image of its name is the same. Pure.
 */
export function writtenSpec(spec: Spec): SpecInput {
  const { id, process, root, hostname, mounts, namespaces, network, resources, rlimits, capabilities, ...more } = spec;
  const { userns, seccomp, devices, lifetimeUsec, jitterUsec, stopSignal, stopTimeoutUsec, init, ...others } = more;
  const { shmSizeBytes, sysctls, autoRemove, restart, labels, owner, oomScoreAdj, hooks, ready, ...last } = others;
  const { diskIds, service, defaulted, oci, ...none } = last;
  requireNone(none);
  const ofImage = root.image !== null;
  const hasOwnFiles = namespaces.mount === 'new';
  return given({
    id,
    process: writtenProcess(process, ofImage),
    root: hasOwnFiles ? notEmpty(writtenRoot(root)) : undefined,
    hostname: unless(namespaces.uts === 'new' ? hostnameFrom(id) : null, hostname) ?? undefined,
    mounts: hasOwnFiles ? notEmpty(mounts.map((mount) => writtenMount(mount, userns !== 'host'))) : undefined,
    namespaces: notEmpty(Object.fromEntries(Object.entries(namespaces).filter(([, value]) => value !== 'new'))),
    network: network === null ? undefined : writtenNetwork(network),
    resources: notEmpty(writtenResources(resources, defaulted)),
    rlimits: notEmpty(writtenRlimits(rlimits)),
    capabilities: notEmpty(changeOfCapabilities(capabilities)),
    userns: unless<Spec['userns']>(hasOwnFiles ? 'auto' : 'host', userns),
    seccomp: unless<Spec['seccomp']>('default', seccomp),
    devices: notEmpty(devices),
    shmSize: shmSizeBytes === undefined ? undefined : writtenBytes(shmSizeBytes),
    sysctls,
    lifetime: lifetimeUsec === null ? undefined : writtenDuration(lifetimeUsec),
    jitter: jitterUsec === 0 ? undefined : writtenDuration(jitterUsec),
    stopSignal: ofImage ? stopSignal : unless('SIGTERM', stopSignal),
    stopTimeout: stopTimeoutUsec === DEFAULT_STOP_TIMEOUT_USEC ? undefined : writtenDuration(stopTimeoutUsec),
    init: init || undefined,
    autoRemove: autoRemove || undefined,
    restart: restart && writtenRestart(restart),
    labels: notEmpty(labels),
    owner: owner ?? undefined,
    oomScoreAdj: oomScoreAdj ?? undefined,
    hooks: notEmpty(writtenHooks(hooks)),
    ready: ready === null ? undefined : writtenReady(ready),
  }) as SpecInput;
}

/** Makes the compiler refuse a field of a spec that is not written: what is added to the spec is to be added here. */
function requireNone(_fields: Record<string, never>): void {}

/** @param ofImage whether an image gives what is left out */
function writtenProcess(process: Spec['process'], ofImage: boolean) {
  const { args, env, cwd, umask, tty, stdin, user, uid, gid, account, ...none } = process;
  requireNone(none);
  const usual = defaultEnv(tty);
  const own = Object.entries(env).filter(([name, value]) => ofImage || usual[name] !== value);
  return given({
    entrypoint: ofImage ? [] : undefined,
    args,
    env: notEmpty(Object.fromEntries(own)),
    cwd: ofImage ? cwd : unless('/', cwd),
    user: writtenUser(process, ofImage),
    umask: umask === 0o022 ? undefined : umask.toString(8).padStart(4, '0'),
    tty: tty || undefined,
    stdin: stdin || undefined,
  });
}

/** Writes the user by the name that was given, else by its numbers. */
function writtenUser({ user, uid, gid, account }: Spec['process'], ofImage: boolean): string | number | undefined {
  if (user !== null) return user;
  if (account.name !== '') return account.groups ? account.name : `${account.name}:${gid}`;
  if (!account.groups) return `${uid}:${gid}`;
  if (uid !== gid) return undefined; // the user of the image, whose group is in its passwd
  return ofImage ? uid : unless(0, uid);
}

function writtenRlimits(rlimits: Spec['rlimits']) {
  return Object.fromEntries(rlimits.map(({ name, soft, hard }) => [name, soft === hard ? soft : { soft, hard }]));
}

function writtenResources({ cpu, memory, io, pids, ...none }: Resources, defaulted: readonly string[] = []) {
  requireNone(none);
  const bytes = (limit: Limit | undefined) => (typeof limit === 'number' ? writtenBytes(limit) : limit);
  const { burstUsec, ...share } = cpu;
  return given({
    cpu: notEmpty(given({ ...share, burst: burstUsec === undefined ? undefined : writtenDuration(burstUsec) })),
    memory: notEmpty(
      given({
        max: defaulted.includes('memory.max') ? undefined : bytes(memory.maxBytes),
        high: bytes(memory.highBytes),
        low: bytes(memory.lowBytes),
        min: bytes(memory.minBytes),
        swapMax: bytes(memory.swapMaxBytes),
        oomGroup: memory.oomGroup,
      }),
    ),
    io: notEmpty(
      io.map(({ device, rbps, wbps, riops, wiops }) => ({
        device,
        ...given({ rbps: bytes(rbps), wbps: bytes(wbps), riops, wiops }),
      })),
    ),
    pids: defaulted.includes('pids.max') ? undefined : pids,
  }) as ResourcesInput;
}

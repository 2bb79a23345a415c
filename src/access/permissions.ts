import { type FieldProblem, NiwaError } from '../protocol/errors.js';
import type { ListenAddress } from '../protocol/resolved-service.js';
import type { Resources, Spec } from '../protocol/resolved-spec.js';
import { aboveCeilings, limitsAbove } from '../spec/ceilings.js';
import type { ExecSpec } from '../spec/exec.js';
import { ANY_PORT } from '../spec/network.js';
import { show } from '../spec/problems.js';
import { isHarmless } from '../spec/sysctls.js';
import type { Allowed, AllowedDirectories, User } from './allowed.js';
import { diskIdProblems, idsOfOthers, withDiskIds } from './disk-ids.js';

/**
 * Throws unless the operator allows everything that the spec asks for. The reason: the daemon runs as root, and must
 * not read, write or unprotect for a caller what the caller itself could not. Root may ask for everything. The function
 * is called twice: with the paths as written, before any of them is opened, and with the real paths, see
 * resolveSources().
 * @param allowed see withRealPaths()
 * @param written the spec as written, quoted in the error: a caller must not learn from it where links lead
 * @throws NiwaError FORBIDDEN with each refused field
 */
export function requirePermission(spec: Spec, caller: User, allowed: Allowed, written = spec): void {
  requireNone(caller.uid === 0 ? [] : [...refusals(spec, written, caller, allowed)], caller);
}

/**
 * Gives a spec with the ids that the container's files have on disk, see withDiskIds().
 * @throws NiwaError FORBIDDEN if the caller has no id on disk for the user of the container
 */
export function requireDiskIds(spec: Spec, caller: User, allowed: Allowed): Spec {
  requireNone([...diskIdProblems(spec, caller, allowed)], caller);
  return withDiskIds(spec, caller, allowed);
}

/**
 * Gives the allowed directories as a fence: a link inside one of them must not lead out of it. The target of such a
 * link, and whether the path comes back, would tell the caller about directories that only root can see. Empty for root
 * and for privileged callers.
 * @param allowed see withRealPaths()
 */
export function fenceOf(caller: User, { roots, sources, hooks, privileged, real }: Allowed): string[] {
  if (caller.uid === 0 || privileged) return [];
  return [roots, sources, hooks, real?.roots, real?.sources, real?.hooks].flatMap((directories) => directories ?? []);
}

function requireNone(problems: FieldProblem[], caller: User): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ path, found, allowed: words }) => `${path}: found ${found}; allowed: ${words}`);
  throw new NiwaError(
    'FORBIDDEN',
    `user ${caller.uid} may not ask for this: ${lines.join('; ')}. The operator allows more by "allow" in niwad's configuration.`,
    { details: { problems } },
  );
}

function* refusals(spec: Spec, written: Spec, { uid }: User, allowed: Allowed): Iterable<FieldProblem> {
  const { roots, sources, privileged, ceilings } = allowed;
  const mayRoot = (path: string | null) => path === null || path === '/' || isBelow(path, 'roots', allowed);
  if (!mayRoot(spec.root.path)) yield { path: 'root.path', found: show(written.root.path), allowed: below(roots) };
  if (!mayRoot(spec.root.file)) yield { path: 'root.file', found: show(written.root.file), allowed: below(roots) };
  const keep = spec.root.overlay?.directory ?? null;
  if (keep !== null && !isBelow(keep, 'sources', allowed))
    yield { path: 'root.overlay.directory', found: show(written.root.overlay?.directory), allowed: below(sources) };
  for (const [i, mount] of spec.mounts.entries())
    if (mount.type === 'bind' && mount.volume !== undefined) yield* volumeRefusals(i, mount.volume, uid, allowed);
    else if (mount.type === 'bind' && !isBelow(mount.source, 'sources', allowed))
      yield { path: `mounts[${i}].source`, found: show(sourceOf(written, i)), allowed: below(sources) };
  yield* aboveCeilings(spec, ceilings);
  if (!privileged) yield* hookRefusals(spec, written, allowed);
  if (!privileged) yield* unprotected(written);
}

function* volumeRefusals(
  i: number,
  volume: { name: string; uid: number },
  uid: number,
  allowed: Allowed,
): Iterable<FieldProblem> {
  const found = show(volume.name);
  if (!allowed.volumes)
    yield { path: `mounts[${i}]`, found: `the volume ${found}`, allowed: 'no volume (allow.volumes)' };
  else if (volume.uid !== uid)
    yield { path: `mounts[${i}].source`, found: `${found} of user ${volume.uid}`, allowed: `volumes of user ${uid}` };
}

/** Throws unless a caller may have named volumes. @throws NiwaError FORBIDDEN */
export function requireVolumePermission({ uid }: User, { volumes }: Allowed): void {
  if (uid === 0 || volumes) return;
  throw new NiwaError(
    'FORBIDDEN',
    `user ${uid} may not make volumes, since they take room on niwad's disk without a bound; with "allow: {volumes: true}" in niwad's configuration the members of its group may`,
  );
}

function sourceOf({ mounts }: Spec, i: number): string | undefined {
  const mount = mounts[i];
  return mount?.type === 'bind' ? mount.source : undefined;
}

/**
 * A caller must not set the environment of hooks: LD_PRELOAD, PATH and similar variables would change what an allowed
 * program does.
 */
function* hookRefusals(spec: Spec, written: Spec, allowed: Allowed): Iterable<FieldProblem> {
  for (const [point, list] of Object.entries(spec.hooks))
    for (const [i, { file, env }] of list.entries()) {
      const path = `hooks.${point}[${i}]`;
      const shown = written.hooks[point as keyof Spec['hooks']]?.[i]?.file;
      if (!isBelow(file, 'hooks', allowed))
        yield { path: `${path}.args[0]`, found: show(shown), allowed: below(allowed.hooks) };
      if (Object.keys(env).length > 0) yield { path: `${path}.env`, found: show(env), allowed: 'nothing' };
    }
}

/** The fields that switch a protection off. */
function* unprotected(spec: Spec): Iterable<FieldProblem> {
  if (spec.userns !== 'auto') yield { path: 'userns', found: show(spec.userns), allowed: '"auto"' };
  if (spec.seccomp !== 'default') yield { path: 'seccomp', found: show(spec.seccomp), allowed: '"default"' };
  for (const [name, value] of Object.entries(spec.namespaces))
    if (value !== 'new') yield { path: `namespaces.${name}`, found: show(value), allowed: '"new"' };
  for (const [i, mount] of spec.mounts.entries())
    if (mount.type === 'bind' && typeof mount.idmap === 'object')
      yield { path: `mounts[${i}].idmap`, found: show(mount.idmap), allowed: 'true or false' };
  for (const [i, port] of (spec.network?.ports ?? []).entries())
    if (port.host !== ANY_PORT && port.host < FIRST_UNPRIVILEGED_PORT)
      yield {
        path: `network.ports[${i}]`,
        found: show(port.host),
        allowed: `ports from ${FIRST_UNPRIVILEGED_PORT} on`,
      };
  if (spec.network?.linkLocal === 'allow')
    yield {
      path: 'network.linkLocal',
      found: show('allow'),
      allowed: '"deny": clouds give out the credentials of the host there',
    };
  for (const [i, device] of spec.devices.entries())
    yield { path: `devices[${i}]`, found: show(device), allowed: 'no device beside the usual ones' };
  for (const name of Object.keys(spec.sysctls ?? {}).filter((one) => !isHarmless(one)))
    yield { path: `sysctls.${name}`, found: show(name), allowed: 'settings that act on the own sockets alone' };
  if (spec.capabilities.includes('SETFCAP'))
    yield {
      path: 'capabilities.add',
      found: show('SETFCAP'),
      allowed: 'all others, by name: this one gives capabilities to files',
    };
  for (const { name } of spec.rlimits.filter((rlimit) => SHARED_RLIMITS.includes(rlimit.name)))
    yield {
      path: `rlimits.${name}`,
      found: 'a limit of its own',
      allowed: 'no such entry: all containers share this resource of the host',
    };
  if ((spec.oomScoreAdj ?? 0) < 0)
    yield { path: 'oomScoreAdj', found: show(spec.oomScoreAdj), allowed: 'nothing below 0' };
}

/**
 * Throws unless a caller may act in a container. Acting in a container gives the caller everything that the container
 * has. So a caller other than root must be allowed to ask for such a container, and must not get ids on disk of other
 * users.
 * @throws NiwaError FORBIDDEN with each refused field
 */
export function requireActPermission(spec: Spec, caller: User, allowed: Allowed): void {
  requirePermission(spec, caller, allowed);
  requireNone(allowed.privileged ? [] : [...idsOfOthers(spec, caller, allowed)], caller);
}

/**
 * Throws unless a caller may do an exec. The process must not have more than its container has.
 * @throws NiwaError FORBIDDEN with each refused field
 */
export function requireExecPermission(spec: Spec, exec: ExecSpec, caller: User, allowed: Allowed): void {
  requireActPermission(spec, caller, allowed);
  requireNone(caller.uid === 0 || allowed.privileged ? [] : [...looser(spec, exec)], caller);
}

/**
 * Throws unless a caller may set these limits.
 * @throws NiwaError FORBIDDEN with each limit above the ceilings
 */
export function requireLimitPermission(change: Resources, caller: User, { ceilings }: Allowed): void {
  requireNone(caller.uid === 0 ? [] : [...limitsAbove(change, ceilings)], caller);
}

/**
 * Throws unless a caller may have a service that listens on these ports of the host.
 * @throws NiwaError FORBIDDEN with each refused address
 */
export function requireListenPermission(listen: readonly ListenAddress[], caller: User, allowed: Allowed): void {
  if (caller.uid === 0 || allowed.privileged) return;
  const refused = listen.flatMap(({ port }, i) => (port < FIRST_UNPRIVILEGED_PORT ? [{ port, i }] : []));
  const words = `ports from ${FIRST_UNPRIVILEGED_PORT} on`;
  requireNone(
    refused.map(({ port, i }) => ({ path: `listen[${i}]`, found: show(port), allowed: words })),
    caller,
  );
}

/** The fields by which a process of an exec would have more than its container. */
function* looser(spec: Spec, { capabilities, seccomp, rlimits }: ExecSpec): Iterable<FieldProblem> {
  const more = capabilities.filter((name) => !spec.capabilities.includes(name));
  if (more.length > 0)
    yield { path: 'capabilities.add', found: show(more), allowed: `those of the container: ${spec.capabilities}` };
  if (seccomp !== spec.seccomp && spec.seccomp !== 'unconfined')
    yield { path: 'seccomp', found: show(seccomp), allowed: "no profile: the exec then has the container's" };
  for (const { name, hard } of rlimits) {
    const own = spec.rlimits.find((rlimit) => rlimit.name === name);
    if (own === undefined ? SHARED_RLIMITS.includes(name) : numberOf(hard) > numberOf(own.hard))
      yield { path: `rlimits.${name}`, found: show(hard), allowed: `at most ${own?.hard ?? "the container's own"}` };
  }
}

function numberOf(limit: number | 'unlimited'): number {
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : limit;
}
/** Ports below this one are for the machine's own services. */
const FIRST_UNPRIVILEGED_PORT = 1024;

/** Resources that all containers of the host share: real-time and high priorities, and memory that is never swapped. */
const SHARED_RLIMITS = ['rtprio', 'rttime', 'nice', 'memlock'];

/**
 * Whether a path is below an allowed directory. A path with ".." counts as outside: only a real path is known to stay
 * below, and real paths contain no "..".
 */
function isBelow(path: string, kind: keyof AllowedDirectories, allowed: Allowed): boolean {
  if (path.split('/').includes('..')) return false;
  const prefixes = [...allowed[kind], ...(allowed.real?.[kind] ?? [])];
  return prefixes.some((prefix) => `${path}/`.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
}

function below(prefixes: readonly string[]): string {
  return prefixes.length === 0 ? 'no path at all' : `a path below ${prefixes.join(' or ')}, without ".."`;
}

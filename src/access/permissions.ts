import { type FieldProblem, NiwaError } from '../errors.js';
import type { Resources, Spec } from '../protocol/resolved-spec.js';
import { aboveCeilings, limitsAbove } from '../spec/ceilings.js';
import type { ExecSpec } from '../spec/exec.js';
import { show } from '../spec/problems.js';
import type { Allowed, AllowedDirectories, User } from './allowed.js';
import { diskIdProblems, idsOfOthers, withDiskIds } from './disk-ids.js';

/**
 * Lets through what the operator allowed: the daemon is root, and does not read, write or unprotect for a caller what that
 * caller could not. Root may ask for anything. It is asked twice: with the paths as they are written, before any of them is
 * touched, and with the real ones, see resolveSources().
 * @param allowed see withRealPaths()
 * @param written the spec as it is written, for the refusal: where links lead is not told to whom it is none of their business
 * @throws NiwaError FORBIDDEN with each field
 */
export function requirePermission(spec: Spec, caller: User, allowed: Allowed, written = spec): void {
  requireNone(caller.uid === 0 ? [] : [...refusals(spec, written, allowed)], caller);
}

/**
 * Gives a spec with the ids that its files have on disk, see withDiskIds().
 * @throws NiwaError FORBIDDEN where the caller has none for the user of the container
 */
export function requireDiskIds(spec: Spec, caller: User, allowed: Allowed): Spec {
  requireNone([...diskIdProblems(spec, caller, allowed)], caller);
  return withDiskIds(spec, caller, allowed);
}

/**
 * Gives the directories that no link in them may lead a caller out of: where it leads, and whether it comes back, would tell of
 * what only root can see. None for root, and for whom may ask for anything.
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

function* refusals(spec: Spec, written: Spec, allowed: Allowed): Iterable<FieldProblem> {
  const { roots, sources, privileged, ceilings } = allowed;
  const mayRoot = (path: string | null) => path === null || path === '/' || isBelow(path, 'roots', allowed);
  if (!mayRoot(spec.root.path)) yield { path: 'root.path', found: show(written.root.path), allowed: below(roots) };
  if (!mayRoot(spec.root.file)) yield { path: 'root.file', found: show(written.root.file), allowed: below(roots) };
  const keep = spec.root.overlay?.directory ?? null;
  if (keep !== null && !isBelow(keep, 'sources', allowed))
    yield { path: 'root.overlay.directory', found: show(written.root.overlay?.directory), allowed: below(sources) };
  for (const [i, mount] of spec.mounts.entries())
    if (mount.type === 'bind' && !isBelow(mount.source, 'sources', allowed))
      yield { path: `mounts[${i}].source`, found: show(sourceOf(written, i)), allowed: below(sources) };
  yield* aboveCeilings(spec, ceilings);
  if (!privileged) yield* hookRefusals(spec, written, allowed);
  if (!privileged) yield* unprotected(written);
}

function sourceOf({ mounts }: Spec, i: number): string | undefined {
  const mount = mounts[i];
  return mount?.type === 'bind' ? mount.source : undefined;
}

/** With the environment a caller would choose what a program does: LD_PRELOAD, PATH and the like. */
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

/** The fields that take a protection away. */
function* unprotected(spec: Spec): Iterable<FieldProblem> {
  if (spec.userns !== 'auto') yield { path: 'userns', found: show(spec.userns), allowed: '"auto"' };
  if (spec.seccomp !== 'default') yield { path: 'seccomp', found: show(spec.seccomp), allowed: '"default"' };
  for (const [name, value] of Object.entries(spec.namespaces))
    if (value !== 'new') yield { path: `namespaces.${name}`, found: show(value), allowed: '"new"' };
  for (const [i, mount] of spec.mounts.entries())
    if (mount.type === 'bind' && typeof mount.idmap === 'object')
      yield { path: `mounts[${i}].idmap`, found: show(mount.idmap), allowed: 'true or false' };
  for (const [i, port] of (spec.network?.ports ?? []).entries())
    if (port.host < FIRST_UNPRIVILEGED_PORT)
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
  if (spec.capabilities.includes('SETFCAP'))
    yield {
      path: 'capabilities.add',
      found: show('SETFCAP'),
      allowed: 'all others, by name: this one gives capabilities to files',
    };
  for (const { name } of spec.rlimits.filter((rlimit) => SHARED_RLIMITS.includes(rlimit.name)))
    yield { path: `rlimits.${name}`, found: 'a limit of its own', allowed: "nothing: it is a share of the host's" };
  if ((spec.oomScoreAdj ?? 0) < 0)
    yield { path: 'oomScoreAdj', found: show(spec.oomScoreAdj), allowed: 'nothing below 0' };
}

/**
 * Lets a caller act in a container. Whoever does has what it has: a caller other than root has to be one that may ask for such a
 * container, and gets no ids on disk by it.
 * @throws NiwaError FORBIDDEN with each field
 */
export function requireActPermission(spec: Spec, caller: User, allowed: Allowed): void {
  requirePermission(spec, caller, allowed);
  requireNone(allowed.privileged ? [] : [...idsOfOthers(spec, caller, allowed)], caller);
}

/**
 * Lets through an exec, with nothing looser than its container.
 * @throws NiwaError FORBIDDEN with each field
 */
export function requireExecPermission(spec: Spec, exec: ExecSpec, caller: User, allowed: Allowed): void {
  requireActPermission(spec, caller, allowed);
  requireNone(caller.uid === 0 || allowed.privileged ? [] : [...looser(spec, exec)], caller);
}

/**
 * Lets a caller change the limits of a container.
 * @throws NiwaError FORBIDDEN with each limit above the ceilings
 */
export function requireLimitPermission(change: Resources, caller: User, { ceilings }: Allowed): void {
  requireNone(caller.uid === 0 ? [] : [...limitsAbove(change, ceilings)], caller);
}

/** What an exec has that its container has not. */
function* looser(spec: Spec, { capabilities, seccomp, rlimits }: ExecSpec): Iterable<FieldProblem> {
  const more = capabilities.filter((name) => !spec.capabilities.includes(name));
  if (more.length > 0)
    yield { path: 'capabilities.add', found: show(more), allowed: `those of the container: ${spec.capabilities}` };
  if (seccomp !== spec.seccomp && spec.seccomp !== 'unconfined')
    yield { path: 'seccomp', found: show(seccomp), allowed: 'nothing: that of the container' };
  for (const { name, hard } of rlimits) {
    const own = spec.rlimits.find((rlimit) => rlimit.name === name);
    if (own === undefined ? SHARED_RLIMITS.includes(name) : numberOf(hard) > numberOf(own.hard))
      yield { path: `rlimits.${name}`, found: show(hard), allowed: `at most ${own?.hard ?? "the container's own"}` };
  }
}

function numberOf(limit: number | 'unlimited'): number {
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : limit;
}
/** Lower ports are those of the machine's services. */
const FIRST_UNPRIVILEGED_PORT = 1024;

/** What a workload could take from everybody else: real-time and higher priorities, memory that is never swapped. */
const SHARED_RLIMITS = ['rtprio', 'rttime', 'nice', 'memlock'];

/** Where ".." leads is known only of a real path, which has none. */
function isBelow(path: string, kind: keyof AllowedDirectories, allowed: Allowed): boolean {
  if (path.split('/').includes('..')) return false;
  const prefixes = [...allowed[kind], ...(allowed.real?.[kind] ?? [])];
  return prefixes.some((prefix) => `${path}/`.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
}

function below(prefixes: readonly string[]): string {
  return prefixes.length === 0 ? 'no path at all' : `a path below ${prefixes.join(' or ')}, without ".."`;
}

import { type FieldProblem, NiwaError } from '../errors.js';
import { show } from '../spec/problems.js';
import type { Spec } from '../spec/spec.js';

/** Who asks for a container. */
export interface Caller {
  uid: number;
}

/** What the operator lets callers other than root ask for. */
export interface Allowed {
  /** Directories below which a root may be. The host's own root is always allowed: it shows nothing private. */
  roots: string[];
  /** Directories below which the source of a bind mount may be. */
  sources: string[];
  /** Whether they may switch protections off. */
  privileged: boolean;
}

/**
 * Lets through what the operator allowed: the daemon is root, and does not read, write or unprotect for a caller what that
 * caller could not. Root may ask for anything.
 * @param spec with its paths resolved, see resolveSources()
 * @throws NiwaError FORBIDDEN with each field
 */
export function requirePermission(spec: Spec, caller: Caller, allowed: Allowed): void {
  const problems = caller.uid === 0 ? [] : [...refusals(spec, allowed)];
  if (problems.length === 0) return;
  const lines = problems.map(({ path, found, allowed: words }) => `${path}: found ${found}; allowed: ${words}`);
  throw new NiwaError(
    'FORBIDDEN',
    `user ${caller.uid} may not ask for this: ${lines.join('; ')}. The operator allows more by "allow" in niwad's configuration.`,
    { details: { problems } },
  );
}

function* refusals(spec: Spec, { roots, sources, privileged }: Allowed): Iterable<FieldProblem> {
  if (spec.root.path !== '/' && !isBelow(spec.root.path, roots))
    yield { path: 'root.path', found: show(spec.root.path), allowed: below(roots) };
  for (const [i, mount] of spec.mounts.entries())
    if (mount.type === 'bind' && !isBelow(mount.source, sources))
      yield { path: `mounts[${i}].source`, found: show(mount.source), allowed: below(sources) };
  if (!privileged) yield* unprotected(spec);
}

/** The fields that take a protection away. */
function* unprotected(spec: Spec): Iterable<FieldProblem> {
  if (spec.userns !== 'auto') yield { path: 'userns', found: show(spec.userns), allowed: '"auto"' };
  if (spec.seccomp !== 'default') yield { path: 'seccomp', found: show(spec.seccomp), allowed: '"default"' };
  for (const [name, value] of Object.entries(spec.namespaces))
    if (value !== 'new') yield { path: `namespaces.${name}`, found: show(value), allowed: '"new"' };
  for (const [i, port] of (spec.network?.ports ?? []).entries())
    if (port.host < FIRST_UNPRIVILEGED_PORT)
      yield {
        path: `network.ports[${i}]`,
        found: show(port.host),
        allowed: `ports from ${FIRST_UNPRIVILEGED_PORT} on`,
      };
  for (const [i, device] of spec.devices.entries())
    yield { path: `devices[${i}]`, found: show(device), allowed: 'no device beside the usual ones' };
  for (const { name } of spec.rlimits.filter((rlimit) => SHARED_RLIMITS.includes(rlimit.name)))
    yield { path: `rlimits.${name}`, found: 'a limit of its own', allowed: "nothing: it is a share of the host's" };
  if ((spec.oomScoreAdj ?? 0) < 0)
    yield { path: 'oomScoreAdj', found: show(spec.oomScoreAdj), allowed: 'nothing below 0' };
}

/** Lower ports are those of the machine's services. */
const FIRST_UNPRIVILEGED_PORT = 1024;

/** What a workload could take from everybody else: real-time and higher priorities, memory that is never swapped. */
const SHARED_RLIMITS = ['rtprio', 'rttime', 'nice', 'memlock'];

function isBelow(path: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => `${path}/`.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`));
}

function below(prefixes: readonly string[]): string {
  return prefixes.length === 0 ? 'no path at all' : `a path below ${prefixes.join(' or ')}`;
}

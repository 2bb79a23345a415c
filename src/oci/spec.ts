import { freeze } from '../kept/freeze.js';
import { Kept } from '../kept/kept.js';
import type { OciConfig } from '../plan/oci/config.js';
import { profileOf } from '../plan/oci/process.js';
import { refused } from '../plan/oci/refusal.js';
import { capabilitiesOf } from '../plan/oci/resources.js';
import { userSpaceOf } from '../plan/oci/userns.js';
import { NiwaError } from '../protocol/errors.js';
import type { OciOrigin } from '../protocol/resolved-oci.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { parseSpec } from '../spec/spec.js';

/** The annotations that may have an effect, by the end of their names, and the field of a niwa spec that each sets. */
const ANNOTATIONS = {
  lifetime: 'lifetime',
  jitter: 'jitter',
  'stop-signal': 'stopSignal',
  owner: 'owner',
  label: 'labels',
} as const;
/** The annotation of crun by which podman asks that a container keeps the supplementary groups of the engine. */
const KEEP_GROUPS = 'keep_original_groups';
/** That by which a config with a system call that nobody knows is refused. */
const KNOWN_CALLS = 'seccomp_fail_unknown_syscall';
/** Those that ask for properties of the scope of systemd, see src/oci/group-place.ts. */
export const SCOPE_PROPERTY = 'property';
const OF_NO_FIELD = [KEEP_GROUPS, KNOWN_CALLS, SCOPE_PROPERTY] as const;
export type Annotation = keyof typeof ANNOTATIONS | (typeof OF_NO_FIELD)[number];
const PREFIX = 'dev.niwa.';
const PREFIX_OF_CRUN = 'run.oci.';

/** All but those of scopes, with their whole names; that of labels is the beginning of many. */
const NAMES: readonly (readonly [Annotation, string])[] = [
  ...(Object.keys(ANNOTATIONS) as (keyof typeof ANNOTATIONS)[]).map(
    (name) => [name, PREFIX + name + (name === 'label' ? '.' : '')] as const,
  ),
  ...([KEEP_GROUPS, KNOWN_CALLS] as const).map((name) => [name, PREFIX_OF_CRUN + name] as const),
];
/** The whole names of the annotations that change a container, and the beginnings of such names. */
export const ANNOTATION_NAMES: readonly string[] = NAMES.map(([, name]) => name);

/**
 * Gives the spec that niwad shows of an OCI container, and by which it is billed and ended. Its plan is made from the
 * config itself. Pure.
 * @param honoured the annotations that have an effect; the others are kept, and do nothing
 * @throws NiwaError SPEC_INVALID for an annotation with a wrong value
 */
export function specOf(id: string, config: OciConfig, origin: OciOrigin, honoured: readonly Annotation[]): Spec {
  const { process, root, hostname, linux = {} } = config;
  const annotated = annotatedFields(origin.annotations, honoured);
  const base = baseOf(annotated);
  const { uid, gid, umask = 0o022 } = process.user;
  return {
    ...base,
    id,
    process: {
      ...base.process,
      ...{ args: process.args, env: environmentOf(process.env ?? []), cwd: process.cwd, user: null, uid, gid, umask },
      account: { name: '', groups: false },
      tty: false,
    },
    root: {
      ...base.root,
      path: origin.rootfs,
      layers: [origin.rootfs],
      readonly: root.readonly ?? false,
      overlay: null,
      idmap: false,
    },
    hostname: hostname ?? null,
    namespaces: namespacesOf(linux.namespaces ?? []),
    userns: userSpaceOf(config)?.maps ?? 'host',
    network: null,
    capabilities: capabilitiesOf('process.capabilities.bounding', process.capabilities?.bounding),
    seccomp: linux.seccomp === undefined ? 'unconfined' : profileOf(linux.seccomp),
    oomScoreAdj: process.oomScoreAdj ?? null,
    service: null,
    oci: origin,
  };
}

/** What is not listed is that of the command, which is shown as that of the host. */
function namespacesOf(listed: NonNullable<NonNullable<OciConfig['linux']>['namespaces']>): Spec['namespaces'] {
  const namespace = (name: keyof Spec['namespaces']) => {
    const found = listed.find(({ type }) => type === name);
    return found === undefined ? 'host' : (found.path ?? '') === '' ? 'new' : (found.path as string);
  };
  return {
    mount: namespace('mount'),
    pid: namespace('pid'),
    network: namespace('network'),
    ipc: namespace('ipc'),
    uts: namespace('uts'),
    cgroup: namespace('cgroup'),
  };
}

/**
 * Adds the supplementary groups of the command to those of the process, where an annotation asks for that. Pure.
 * @param groups their numbers, separated by commas
 */
export function withKeptGroups(config: OciConfig, groups: string, honoured: readonly Annotation[]): OciConfig {
  if (groups === '' || !asksFor(KEEP_GROUPS, config, honoured)) return config;
  const { additionalGids = [], ...user } = config.process.user;
  const all = [...new Set([...additionalGids, ...groups.split(',').map(Number)])];
  return { ...config, process: { ...config.process, user: { ...user, additionalGids: all } } };
}

/**
 * Checks that all system calls of the filter are known, where an annotation asks for that. Pure.
 * @param knows whether a system call is known
 * @throws NiwaError SPEC_INVALID with the first that is not
 */
export function checkCalls(config: OciConfig, knows: (name: string) => boolean, honoured: readonly Annotation[]): void {
  if (!asksFor(KNOWN_CALLS, config, honoured)) return;
  for (const [i, { names }] of (config.linux?.seccomp?.syscalls ?? []).entries())
    for (const name of names)
      if (!knows(name)) throw refused(`linux.seccomp.syscalls[${i}].names "${name}"`, 'there is no such system call');
}

function asksFor(name: Annotation, { annotations = {} }: OciConfig, honoured: readonly Annotation[]): boolean {
  return honoured.includes(name) && (annotations[PREFIX_OF_CRUN + name] ?? '0') !== '0';
}

/** Most containers have no annotation of niwa, and so the same spec but for what their config says. */
const bases = new Kept<Spec>((base) => JSON.stringify(base).length);

/**
 * Gives the annotations of niwa that have no effect, as they are told: those that it does not know, and those that the
 * operator does not list. Pure.
 * @param honoured the annotations that have an effect
 */
export function idleAnnotations(
  annotations: Readonly<Record<string, string>>,
  honoured: readonly Annotation[],
): string[] {
  return Object.keys(annotations).flatMap((name) => {
    const known = NAMES.find(([, full]) => name === full || (full.endsWith('.') && name.startsWith(full)))?.[0];
    if (known === undefined ? !name.startsWith(PREFIX) : honoured.includes(known)) return [];
    const reason = known === undefined ? '' : ', which oci.annotations of niwad.yaml does not list';
    return [`annotations[${JSON.stringify(name)}]${reason}`];
  });
}

/** Gives the spec of a container with these fields and no others. It is frozen. */
function baseOf(annotated: object): Spec {
  const text = JSON.stringify(annotated);
  const known = bases.get(null, text);
  if (known !== undefined) return known;
  const base = parsedBase(annotated);
  freeze(base);
  bases.set(null, text, base);
  return base;
}

/** @throws NiwaError SPEC_INVALID with the name of the annotation that has a wrong value */
function parsedBase(annotated: object): Spec {
  try {
    return parseSpec({ process: { args: ['/'] }, userns: 'host', ...annotated }, 'any');
  } catch (error) {
    const [problem] = error instanceof NiwaError ? (error.details.problems ?? []) : [];
    if (problem === undefined) throw error;
    const [field = '', ...inside] = problem.path.split('.');
    const name = Object.entries(ANNOTATIONS).find(([, each]) => each === field)?.[0] ?? field;
    const whole = `annotations["${[PREFIX + name, ...inside].join('.')}"]`;
    throw refused(whole, `found ${problem.found}; allowed: ${problem.allowed}`);
  }
}

/** The fields of a niwa spec that annotations set: `dev.niwa.lifetime`, and for labels `dev.niwa.label.NAME`. */
function annotatedFields(annotations: Readonly<Record<string, string>>, honoured: readonly Annotation[]): object {
  const fields = honoured.flatMap((name): [string, unknown][] => {
    if (isOfNoField(name)) return [];
    if (name === 'label') return [[ANNOTATIONS.label, labelsOf(annotations)]];
    const value = annotations[PREFIX + name];
    return value === undefined ? [] : [[ANNOTATIONS[name], value]];
  });
  return Object.fromEntries(fields);
}

function isOfNoField(name: Annotation): name is (typeof OF_NO_FIELD)[number] {
  return (OF_NO_FIELD as readonly Annotation[]).includes(name);
}

function labelsOf(annotations: Readonly<Record<string, string>>): Record<string, string> {
  const beginning = `${PREFIX}label.`;
  return Object.fromEntries(
    Object.entries(annotations).flatMap(([name, value]) =>
      name.startsWith(beginning) ? [[name.slice(beginning.length), value]] : [],
    ),
  );
}

/** Gives variables by their names; of two with one name the later counts. Pure. */
export function environmentOf(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=');
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

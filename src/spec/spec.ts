import { type FieldProblem, NiwaError } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { type SpecInput, SpecSchema } from '../protocol/spec.js';
import { capabilityProblems, resolveCapabilities } from './capabilities.js';
import { parseAs } from './check.js';
import { excessProblems } from './filter-size.js';
import { hookProblems, normaliseHooks } from './hooks.js';
import { hostnameFrom } from './hostname.js';
import { type ImageDefaults, type ImageLookup, withImage } from './image.js';
import { lifetimeProblems, normaliseLifetime } from './lifetime.js';
import { deviceProblems, idmapProblems, mountProblems, normaliseMount } from './mounts.js';
import { networkProblems, normaliseNetwork } from './network.js';
import { firstProblems, requireNoProblems } from './problems.js';
import { normaliseProcess, normaliseRlimits, processProblems, rlimitProblems, sizeProblems } from './process.js';
import { sizeBytes } from './quantities.js';
import { normaliseReady, readyProblems } from './ready.js';
import { normaliseResources, resourceProblems } from './resources.js';
import { normaliseRestart, restartProblems } from './restart.js';
import { imageRoot, normaliseRoot, rootProblems } from './root.js';
import { inputOfShown } from './shown-spec.js';
import { sysctlProblems } from './sysctls.js';
import { namespaceProblems, usernsProblems } from './userns.js';

/**
 * Makes a spec of a user's input. Pure: it asks nothing of the host.
 * @param input of any shape; also a spec as the status of a container shows it
 * @param freeId the id of the container, if the input has none
 * @param lookUp finds the image that the input names
 * @throws NiwaError SPEC_INVALID with every wrong field; what `lookUp` throws
 */
export function parseSpec(input: unknown, freeId: string, lookUp: ImageLookup = noImages): Spec {
  const valid: SpecInput = parseAs('the spec', SpecSchema, inputOfShown(input));
  const name = valid.root?.image;
  const image = name === undefined ? null : lookUp(name);
  // Checked again with the fields of the image: an image may have values that are not allowed in a spec.
  const whole: SpecInput = image === null ? valid : parseAs('the spec', SpecSchema, withImage(valid, image));
  requireNoProblems('the spec', allProblems(whole));
  const spec = normalise(structuredClone(whole), freeId, image);
  if (image !== null && valid.process?.user === undefined) spec.process.account.groups = !image.namesGroup;
  return spec;
}

function noImages(name: string): never {
  throw new NiwaError('NOT_FOUND', `images are niwad's own: nothing is known of ${name} here`);
}

/**
 * Finds the problems that a schema cannot find: fields that do not fit each other, and names that do not exist.
 * @param isSaved whether a niwad has taken the input before. Then it may be beyond the bounds of a filter, which have
 *   come later: what runs goes on, and each start is refused by them
 */
export function meaningProblems(input: SpecInput, isSaved = false): FieldProblem[] {
  return firstProblems(isSaved ? lastingProblems(input) : allProblems(input));
}

function* allProblems(input: SpecInput): Iterable<FieldProblem> {
  yield* lastingProblems(input);
  yield* seccompProblems(input);
}

function* lastingProblems(input: SpecInput): Iterable<FieldProblem> {
  yield* processProblems(input);
  yield* sizeProblems(input);
  yield* rootProblems(input);
  yield* mountProblems(input);
  yield* idmapProblems(input);
  yield* deviceProblems(input);
  yield* sysctlProblems(input);
  yield* namespaceProblems(input);
  yield* networkProblems(input.network, input.namespaces?.network ?? 'new');
  yield* resourceProblems(input.resources ?? {}, 'resources');
  yield* rlimitProblems(input);
  yield* capabilityProblems(input);
  yield* usernsProblems(input);
  yield* lifetimeProblems(input);
  yield* hookProblems(input.hooks ?? {});
  yield* readyProblems(input);
  yield* restartProblems(input);
}

/** niwad serves nobody while libseccomp compiles a profile. */
function* seccompProblems({ seccomp }: SpecInput): Iterable<FieldProblem> {
  if (typeof seccomp === 'object') yield* excessProblems(seccomp.syscalls ?? []);
}

function normalise(input: SpecInput, freeId: string, image: ImageDefaults | null): Spec {
  const id = input.id ?? freeId;
  const namespaces: Spec['namespaces'] = {
    mount: 'new',
    pid: 'new',
    network: 'new',
    ipc: 'new',
    uts: 'new',
    cgroup: 'new',
    ...input.namespaces,
  };
  const restart = normaliseRestart(input.restart);
  const userns = input.userns ?? (namespaces.mount === 'new' ? 'auto' : 'host');
  return {
    id,
    process: normaliseProcess(input.process ?? {}),
    root:
      image === null ? normaliseRoot(input.root ?? {}, userns !== 'host') : imageRoot(input, image, userns !== 'host'),
    hostname: input.hostname ?? (namespaces.uts === 'new' ? hostnameFrom(id) : null),
    mounts: (input.mounts ?? []).map((mount) => normaliseMount(mount, userns !== 'host')),
    namespaces,
    network: normaliseNetwork(input.network),
    resources: normaliseResources(input.resources ?? {}),
    rlimits: normaliseRlimits(input.rlimits ?? {}),
    capabilities: resolveCapabilities(input.capabilities),
    userns,
    seccomp: input.seccomp ?? 'default',
    devices: input.devices ?? [],
    ...(input.shmSize === undefined ? {} : { shmSizeBytes: sizeBytes(input.shmSize) }),
    ...(input.sysctls === undefined ? {} : { sysctls: input.sysctls }),
    ...normaliseLifetime(input),
    init: input.init ?? false,
    ...(input.autoRemove === true ? { autoRemove: true } : {}),
    ...(restart === undefined ? {} : { restart }),
    labels: input.labels ?? {},
    owner: input.owner ?? null,
    oomScoreAdj: input.oomScoreAdj ?? null,
    hooks: normaliseHooks(input.hooks ?? {}),
    ready: input.ready === undefined ? null : normaliseReady(input.ready),
    service: null,
  };
}

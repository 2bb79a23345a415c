import { existsSync } from 'node:fs';
import { type Caller, withRealPaths } from '../../access/allowed.js';
import { requireActPermission } from '../../access/permissions.js';
import type { Container } from '../../engine/container.js';
import { Stopwatch } from '../../engine/phases.js';
import { NiwaError } from '../../protocol/errors.js';
import type { Spec } from '../../protocol/resolved-spec.js';
import { makeContainer } from '../making.js';
import type { Parts } from '../parts.js';
import { settle } from '../settle.js';
import { startMade, startWish } from '../starting.js';
import { ensureVolumes } from '../volumes.js';

/** Who wants a further run: a user, or the container's restart policy (null). */
type Asker = Caller | null;

/**
 * Makes the next run of a container that has ended, from the same spec and with the rights of its author. Everything is
 * checked again as at a create. If the run cannot be made, the run before stays as it was.
 * @param asker a user who asks for a container of another one must be allowed to ask for such a container
 * @returns the container as it runs then
 * @throws NiwaError NOT_FOUND if the container was removed meanwhile; the errors of {@link requireRerunnable}, of
 *   create() and of start()
 */
export async function rerun(parts: Parts, ended: Container, asker: Asker): Promise<Container> {
  const { registry, admission, restarts, containerHooks } = parts;
  return await ended.turns.run(async () => {
    const now = parts.get(ended.id); // it may have been removed, or started by another request
    if (now !== ended || (asker === null && ended.runs.state.isStopped)) return now;
    admission.require();
    const caller = await requireRerunnable(parts, ended, asker);
    restarts.cancel(ended);
    registry.keep(ended);
    try {
      await containerHooks.idle(ended.id);
      return await makeNext(parts, ended, asker, caller);
    } finally {
      if (registry.hasThis(ended)) registry.retire(ended);
    }
  });
}

/**
 * Gives the user with whose rights a further run of a container is made: its author.
 * @throws NiwaError STATE_CONFLICT if the container is never started again; FORBIDDEN if its author is no member of
 *   niwad's group any more, or the asker may not ask for such a container
 */
export async function requireRerunnable(parts: Parts, { id, spec, runs }: Container, asker: Asker): Promise<Caller> {
  const { membership, allowed } = parts;
  const conflict = (why: string) => new NiwaError('STATE_CONFLICT', `cannot start container ${id} again: ${why}`);
  if (spec.service !== null)
    throw conflict(`it is an instance of service ${spec.service.name}, which starts a successor where it needs one`);
  if (spec.oci !== undefined) throw conflict('its container engine makes a new one where it needs one');
  if (spec.autoRemove === true) throw conflict('it is removed at its end (autoRemove)');
  const author = runs.state.author ?? asker;
  if (author === null) throw conflict('an older niwad has made it, and did not note for whom; start it by hand');
  if (asker !== null && asker.uid !== author.uid)
    requireActPermission(spec, asker, await withRealPaths(allowed, spec, asker));
  if ('isListed' in author) await membership.requireStill(author, author.isListed);
  return { uid: author.uid, gid: author.gid, role: 'full' };
}

async function makeNext(parts: Parts, ended: Container, asker: Asker, caller: Caller): Promise<Container> {
  const { admission, images, volumes } = parts;
  const watch = new Stopwatch();
  const unpin = images.pin(ended.spec.root.layers);
  try {
    requireImage(ended.spec);
    const spec = await settleAgain(parts, ended.spec, caller);
    const release = admission.reserve(spec, ended);
    try {
      ensureVolumes(spec, volumes);
      watch.lap('spec');
      const place = ended.runs.following(asker === null ? ended.runs.state.inRow : 0);
      const order = { spec, asker: `user ${caller.uid}` as const, watch, start: startWish(spec), place, before: ended };
      const container = await makeContainer(order, parts);
      await startMade(parts, container, order.asker);
      return container;
    } finally {
      release();
    }
  } finally {
    unpin();
  }
}

/** The run takes the image of the first run, also if its name means another image by now. */
function requireImage({ id, root }: Spec): void {
  if (root.image === undefined || root.image === null || root.layers.every((layer) => existsSync(layer))) return;
  throw new NiwaError(
    'NOT_FOUND',
    `cannot start container ${id}: its image ${root.image.name} (${root.image.id}) is not stored any more; create the container again`,
  );
}

/**
 * Settles a settled spec again: limits that niwad chose are chosen again, and every permission is checked.
 * @throws NiwaError FORBIDDEN if a path of the host leads elsewhere by now; the errors of settle()
 */
async function settleAgain({ settling }: Parts, before: Spec, caller: Caller): Promise<Spec> {
  const spec = await settle(withoutDefaulted(before), caller, settling);
  const [was, is] = [pathsOf(before), pathsOf(spec)];
  const moved = was.findIndex((path, i) => path !== is[i]);
  if (moved === -1) return spec;
  throw new NiwaError(
    'FORBIDDEN',
    `cannot start container ${before.id}: ${was[moved]} is a link by now; the container is started only with the files that it was created with. Create it again.`,
  );
}

/** Takes out the limits that niwad has chosen, since the spec had none. */
function withoutDefaulted(spec: Spec): Spec {
  const { defaulted = [], resources } = spec;
  const { pids, memory, ...others } = resources;
  const { maxBytes, ...rest } = memory;
  return {
    ...spec,
    resources: {
      ...others,
      ...(pids === undefined || defaulted.includes('pids.max') ? {} : { pids }),
      memory: maxBytes === undefined || defaulted.includes('memory.max') ? rest : { ...rest, maxBytes },
    },
  };
}

/** The paths of the host that a spec names, in a fixed order. */
function pathsOf({ root, mounts, devices, hooks }: Spec): (string | null)[] {
  return [
    root.path,
    root.file,
    root.overlay?.directory ?? null,
    ...mounts.map((mount) => (mount.type === 'bind' ? mount.source : null)),
    ...devices,
    ...Object.values(hooks).flatMap((list) => list.map(({ file }) => file)),
  ];
}

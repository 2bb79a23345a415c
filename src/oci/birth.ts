import type { Birth } from '../engine/maker.js';
import type { Birthplace, Births, Entrance, Frame } from '../kernel/births.js';
import type { CreateRequest } from '../kernel/containers.js';
import { errnoName, type FailedAt, KernelError } from '../kernel/errors.js';
import { encodeProgram } from '../plan/encode.js';
import { NAMESPACE_FLAGS } from '../plan/namespaces.js';
import type { OciPlan } from '../plan/oci/plan.js';
import type { Op } from '../plan/op.js';
import { FIRST_MOUNT_USERNS_FD, USERNS_FD } from '../plan/ops.js';
import type { HostView } from '../plan/plan.js';
import { NiwaError } from '../protocol/errors.js';
import { type Connection, closeAll } from './connection.js';
import type { EncodedOciPlan } from './kept-plan.js';
import { type BirthWord, birthBody, CLONE_STEP, FRAME, readPid, readUnborn } from './messages.js';

/**
 * Lets the command at the other end of a connection make the first process of a container: niwad makes the group, the
 * command clones into it and runs the boot program up to its wait, and niwad takes the process over.
 * @param onPause called with the pid, as the command sees it, while the boot program pauses; an error ends the birth
 */
export function birthBy(
  connection: Connection,
  births: Pick<Births, 'prepare' | 'take' | 'takeNetwork' | 'undo'>,
  plan: (view: HostView) => EncodedOciPlan,
  onPause: (pid: number) => Promise<void>,
): Birth {
  let words: OciPlan['words'] = [];
  let givesGroup = false;
  return {
    plan: (view) => {
      const made = plan(view);
      ({ words, givesGroup } = made);
      return made;
    },
    async bear(request) {
      return await bearIn(births, { ...request, givesGroup }, async ({ boot, group, userns, mountUserns }) => {
        const placed = [
          ...(userns === undefined ? [] : [{ fd: userns, place: USERNS_FD }]),
          ...mountUserns.map((fd, i) => ({ fd, place: FIRST_MOUNT_USERNS_FD + i })),
        ];
        const places = placed.map(({ place }): BirthWord => ['place', String(place)]);
        const { flags, network } = networkFor(request.template.namespaces, births);
        const joins: BirthWord[] = network.map(() => ['network', '']);
        const body = birthBody(flags, [...words, ...places, ...joins], request.program);
        connection.send(FRAME.birth, body, [boot, group, ...placed.map(({ fd }) => fd), ...network]);
        let answer = await connection.next();
        for (; answer.kind === FRAME.paused; answer = await connection.next()) {
          closeAll(answer.descriptors);
          await onPause(readPid(answer.body));
          connection.send(FRAME.go);
        }
        return answer;
      });
    },
  };
}

/** Gives a network namespace that is ready, in place of the flag of clone3 by which the command would make one. */
function networkFor(flags: number, births: Pick<Births, 'takeNetwork'>): { flags: number; network: number[] } {
  const made = NAMESPACE_FLAGS.network;
  const fd = (flags & made) === 0 ? -1 : births.takeNetwork();
  return fd < 0 ? { flags, network: [] } : { flags: flags & ~made, network: [fd] };
}

/** A container to make, and whether its group is given to the user of its process. */
type BirthOrder = CreateRequest & { givesGroup: boolean };

/**
 * Makes the group of a container, lets the command make its first process there, and takes that over. Gives its pid.
 * @param make owns the descriptors that it gets; gives the answer of the command
 * @throws KernelError with the failed step, NiwaError; then the process is killed, and the group is removed where no
 *   others are below it
 */
export async function bearIn(
  births: Pick<Births, 'prepare' | 'take' | 'undo'>,
  request: BirthOrder,
  make: (place: Birthplace) => Promise<Frame>,
): Promise<number> {
  const place = await births.prepare(request);
  try {
    return await takeOver(request, await make(place), births);
  } catch (error) {
    await births.undo(request.handle);
    throw error;
  }
}

/**
 * Lets the command at the other end of a connection make a further process of a container, and waits until its program
 * is executed.
 * @param enter opens descriptors, which this function gives to the command
 * @param words what the command does beside it
 * @throws KernelError with the failed step, NiwaError
 */
export async function enterBy(
  connection: Connection,
  enter: () => Entrance,
  ops: readonly Op[],
  words: readonly BirthWord[],
): Promise<void> {
  const body = birthBody(0, words, encodeProgram(ops));
  const { boot, group, first } = enter();
  connection.send(FRAME.birth, body, [boot, group, first]);
  const answer = await connection.next();
  closeAll(answer.descriptors);
  if (answer.kind === FRAME.unborn) throw failureOf(answer.body);
  if (answer.kind !== FRAME.born)
    throw new NiwaError('SPEC_INVALID', 'niwa-oci has sent something else than its process');
}

/**
 * Takes over the first process that the command has made. Gives its pid.
 * @throws NiwaError SPEC_INVALID, KernelError with the failed step
 */
async function takeOver(request: BirthOrder, answer: Frame, births: Pick<Births, 'take'>): Promise<number> {
  const [pidfd, control, ...more] = answer.descriptors;
  if (answer.kind === FRAME.unborn) {
    closeAll(answer.descriptors);
    throw failureOf(answer.body);
  }
  if (answer.kind !== FRAME.born || pidfd === undefined || control === undefined || more.length > 0) {
    closeAll(answer.descriptors);
    throw new NiwaError('SPEC_INVALID', 'niwa-oci has sent something else than its process');
  }
  return await births.take(request.handle, pidfd, control, request.template.lateWrites, request.givesGroup);
}

function failureOf(body: Buffer): KernelError {
  const { step, errno, signal } = readUnborn(body);
  const at: FailedAt =
    step === CLONE_STEP ? { phase: 'clone', step: 0, signal, text: '' } : { phase: 'boot', step, signal, text: '' };
  return new KernelError('make a container', errnoName(errno), at);
}

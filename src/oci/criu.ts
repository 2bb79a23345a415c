import { readFile, readlink } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Logger } from 'pino';
import type { Birth } from '../engine/maker.js';
import { hasGroup } from '../engine/resources/group.js';
import { removeGroup } from '../host/cgroup.js';
import { type CriuWord, dumpWords, restoreWords } from '../plan/oci/criu.js';
import { refused } from '../plan/oci/refusal.js';
import type { HostView } from '../plan/plan.js';
import { NiwaError } from '../protocol/errors.js';
import { signalName } from '../spec/signals.js';
import { bearIn } from './birth.js';
import { type Connection, closeAll } from './connection.js';
import { type Creating, createBy } from './create.js';
import { FRAME, readHookEnd, textsBody } from './messages.js';
import type { Call } from './options.js';
import { savedConfig } from './process-verbs.js';
import { removeUnlessGone } from './removal.js';
import { startMade } from './start.js';
import { conflict, containerOf, statusNow, type Verb, type VerbParts } from './verb-parts.js';

/** Checkpoint and restore by CRIU, which the command runs: niwad says what of a container CRIU has to make anew. */
export const CRIU_VERBS: Readonly<Record<string, Verb>> = { checkpoint, restore };

/** Options that CRIU has, too. */
const FLAGS = ['tcp-established', 'ext-unix-sk', 'shell-job', 'file-locks'];
const VALUES = ['lsm-profile', 'lsm-mount-context'];
/** A container with more mounts than this text has room for is not checkpointed. */
const MOST_MOUNTINFO = 256 * 1024;

/** Writes a container into images; it is deleted then, unless it is left running. */
async function checkpoint(parts: VerbParts, call: Call, connection: Connection): Promise<string> {
  const container = containerOf(parts, call);
  const leaves = call.has('leave-running');
  await container.turns.run(async () => {
    const status = statusNow(parts, container);
    if (status !== 'running' && status !== 'paused')
      throw conflict(`container cannot be checkpointed in ${status} state`);
    const { pid, startTicks, cgroup: group } = container;
    const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
    if (mounts.length > MOST_MOUNTINFO) throw refused('mounts', 'the container has too many to be checkpointed');
    const hostMounts = await readFile('/proc/self/mountinfo', 'utf8');
    const network = /\d+/.exec(await readlink(`/proc/${pid}/ns/net`))?.[0] ?? '';
    const flags = [...flagsOf(call), ...(leaves ? ['leave-running'] : [])];
    const groupInTree = inTree(parts, group);
    const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
    if (statusNow(parts, container) === 'stopped') throw conflict('container has ended'); // another may have its pid now
    const subject = { pid, startTicks, group, groupInTree, groups, mounts, hostMounts, network };
    const words = dumpWords(savedConfig(container), subject, flags);
    await parts.runtime.dump(container, async () => {
      connection.send(FRAME.criu, textsBody(words));
      const answer = await connection.next();
      closeAll(answer.descriptors);
      requireSuccess('checkpoint', readHookEnd(answer.body));
    });
  });
  if (!leaves) await removeUnlessGone(parts, container, connection);
  return '';
}

/** Makes a container of images. It runs already, so it is started with the same request. Gives its id in niwad. */
async function restore(parts: VerbParts, call: Call, connection: Connection): Promise<string> {
  const flags = [
    ...flagsOf(call),
    ...VALUES.flatMap((name) => (call.value(name) === undefined ? [] : [`${name}=${call.value(name)}`])),
  ];
  const container = await createBy(parts, call, connection, {
    isShort: false,
    bear: ({ config, sources, planIn }) =>
      restoreBy(connection, parts, planIn, ({ stage, cgroup }) =>
        restoreWords(config, { sources, stage, group: inTree(parts, cgroup) }, flags),
      ),
  });
  await startMade(parts, container, connection, true);
  return container.id;
}

/** Gives the path of a group in the tree of cgroup v2. */
const inTree = ({ runtime }: VerbParts, group: string) => `/${relative(runtime.tree.mount, group)}`;

function flagsOf(call: Call): string[] {
  const mode = call.value('manage-cgroups-mode') ?? 'soft';
  if (mode !== 'soft')
    throw new NiwaError(
      'SPEC_INVALID',
      `--manage-cgroups-mode ${mode}: only soft; niwad makes the group and its limits`,
    );
  return FLAGS.filter((name) => call.has(name));
}

/** @throws NiwaError START_FAILED with the cause that the log of CRIU tells */
function requireSuccess(what: 'checkpoint' | 'restore', { end, status, output }: ReturnType<typeof readHookEnd>): void {
  if (end === 'exited' && status === 0) return;
  const how = end === 'exited' ? `exit status ${status}` : `ended by ${signalName(status)}`;
  throw new NiwaError('START_FAILED', `criu failed (${how}): ${what}: ${output.trim() || 'it wrote nothing'}`);
}

/**
 * Lets the command restore a container in the group that niwad makes, and takes its first process over.
 * @param wordsOf what CRIU is told, for the places that niwad chooses
 */
function restoreBy(
  connection: Connection,
  { kernel, log }: VerbParts,
  planIn: Creating['planIn'],
  wordsOf: (places: { stage: string; cgroup: string }) => CriuWord[],
): Birth {
  let words: CriuWord[] = [];
  return {
    plan(view: HostView) {
      const plan = planIn(view);
      words = wordsOf({ stage: view.stage, cgroup: plan.cgroup.path });
      return { ...plan, encode: () => new Uint8Array() }; // CRIU makes what the program would have made
    },
    async bear(request) {
      try {
        return await bearIn(
          kernel.births,
          { ...request, givesGroup: false },
          async ({ boot, group, userns, mountUserns }) => {
            closeAll([boot, group, ...(userns === undefined ? [] : [userns]), ...mountUserns]);
            connection.send(FRAME.criu, textsBody(words));
            const answer = await connection.next();
            if (answer.kind !== FRAME.ended) return answer;
            closeAll(answer.descriptors);
            requireSuccess('restore', readHookEnd(answer.body));
            throw new NiwaError('START_FAILED', 'criu has restored no container that niwa-oci could take');
          },
        );
      } catch (error) {
        if (hasGroup(request, kernel)) await removeDivided(request.cgroup, log);
        throw error;
      }
    },
  };
}

/** Removes the group of a container that was not restored, with the groups that CRIU has made below it. */
async function removeDivided(group: string, log: Logger): Promise<void> {
  await removeGroup(group).catch((error: unknown) =>
    log.error({ err: error }, 'the cgroup of a container that was not restored cannot be removed'),
  );
}

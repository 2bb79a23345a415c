import type { SeccompProfileInput } from '../../protocol/spec.js';
import { enterNamespaces } from '../namespaces.js';
import type { Op } from '../op.js';
import { beBorn, enter, joinUser, undumpable } from '../ops.js';
import { idInside } from '../userns.js';
import type { OciConfig, OciProcess } from './config.js';
import { labelOps } from './labels.js';
import { ociOomOps, ociProcessOps, ociStreamOps } from './process.js';
import { ownsMounts } from './root.js';
import { execCpus } from './scheduling.js';
import { type UserSpace, userSpaceOf } from './userns.js';

/** CLONE_NEWTIME: a kernel without time namespaces refuses it. */
const TIME_FLAG = 0x80;

/** What the process of an exec needs of a config. */
export type ExecConfig = Pick<OciConfig, 'process' | 'linux'>;

/**
 * Makes the boot program of an exec in an OCI container. The process is made in the group of the container; the
 * program enters its namespaces, and goes on as that of the first process from its pivot on. Only when it has no other
 * rights than the container, it goes on in the PID namespace, where the container can trace it. Pure.
 * @param keptFds how many descriptors from 3 on the program gets
 * @throws NiwaError SPEC_INVALID
 */
export function ociExecOps(
  config: ExecConfig,
  compile: (profile: SeccompProfileInput) => readonly bigint[],
  keptFds = 0,
): Op[] {
  const user = userSpaceOf(config);
  return [
    undumpable(),
    ...ociOomOps(config.process),
    ...execCpus(config.process).ops,
    ...ociStreamOps(config.process, user?.maps),
    ...labelOps(config.process),
    ...(hasTime(config) ? [enter(['time'], TIME_FLAG)] : []),
    enterNamespaces(ownsMounts(config), 'pid'),
    // again: the change of user set the dumpable flag to fs.suid_dumpable
    ...ociProcessOps(config, compile, {
      keptFds,
      joinsUser: joinUserOps(config.process, user),
      afterUser: [undumpable()],
      beforeTerminal: [beBorn()],
    }),
  ];
}

/** As root of the host until then: a process of the container has no right over it. */
function joinUserOps({ user: { uid, gid } }: OciProcess, user: UserSpace | undefined): Op[] {
  if (user === undefined) return [];
  const { path, maps } = user;
  // the maps of one that the container has joined are not known; the container began as its root, too
  const [first, group] = path === undefined ? [idInside(maps.uids, uid), idInside(maps.gids, gid)] : [0, 0];
  return [joinUser(first, group), undumpable()];
}

function hasTime({ linux: { namespaces = [] } = {} }: ExecConfig): boolean {
  return namespaces.some(({ type }) => type === 'time');
}

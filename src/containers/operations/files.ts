import { type Caller, nameForTurns, withRealPaths } from '../../access/allowed.js';
import { requireExecPermission } from '../../access/permissions.js';
import { type Exec, startFiles } from '../../engine/exec.js';
import type { CopyInQuery, CopyOutQuery } from '../../protocol/files.js';
import { parseRootExec } from '../../spec/exec.js';
import { containerFor, type Parts } from '../parts.js';

/** A copy out of a container or into it. */
export type Copy = { out: CopyOutQuery } | { in: CopyInQuery };

/**
 * Starts a process in a container that writes a tar of a file or a directory to its standard output, or unpacks a tar
 * from its standard input.
 * @throws NiwaError NOT_FOUND, FORBIDDEN, STATE_CONFLICT, START_FAILED; then the process does not exist
 */
export async function copy(parts: Parts, caller: Caller, id: string, what: Copy): Promise<Exec> {
  const container = containerFor('in' in what ? 'copyToContainer' : 'copyFromContainer', parts, caller, id);
  const { spec } = container;
  const asked = parseRootExec(['niwa-files', ...('in' in what ? wordsIn(what.in) : wordsOut(what.out))], spec);
  requireExecPermission(spec, asked, caller, await withRealPaths(parts.allowed, spec, caller));
  return await startFiles(container, asked, { caller: nameForTurns(caller) }, parts.kernel);
}

function wordsOut({ path, follow }: CopyOutQuery): string[] {
  return ['pack', ...(follow ? ['-L'] : []), path];
}

function wordsIn({ path, name, owners }: CopyInQuery): string[] {
  return ['unpack', ...(owners ? ['-a'] : []), path, ...(name === undefined ? [] : [name])];
}

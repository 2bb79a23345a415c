import { hostname as hostName } from 'node:os';
import { join } from 'node:path';
import type { Spec } from '../protocol/resolved-spec.js';
import { fileNames, networkFiles } from './files.js';

/** Gives the name that a container has for itself. */
export function hostnameOf({ id, hostname, namespaces }: Spec): string {
  return hostname ?? (namespaces.uts === 'host' ? hostName() : id);
}

/**
 * Gives the files of a container that is not on the bridge. Nobody else writes to them, so the kernel's side makes them
 * together with the process; those of a member of the bridge are written before, see Networks.writeFiles().
 * @param directory the directory of the host that has the files
 */
export function ownFiles(spec: Spec, directory: string): [path: string, text: string][] {
  if (spec.network !== null) return [];
  const names = fileNames(spec);
  if (names.length === 0) return [];
  const texts = networkFiles({ hostname: hostnameOf(spec), network: null, lease: null });
  return names.map((name) => [join(directory, name), texts[name]]);
}

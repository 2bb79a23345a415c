import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { NiwaError } from '../protocol/errors.js';
import { parseReference } from '../spec/reference.js';

/** The image layout in which skopeo has stored a pulled image. */
export interface Pulled {
  directory: string;
  name: string;
  remove(): void;
}

const PREFIX = 'docker://';

/**
 * Pulls an image from a registry into a directory. skopeo(1) does this, as the current user and with this user's
 * logins.
 * @param reference with or without "docker://"
 * @throws NiwaError SPEC_INVALID; HOST_ERROR if skopeo is missing or fails
 */
export async function pull(reference: string, { tlsVerify }: { tlsVerify: boolean }): Promise<Pulled> {
  const source = reference.startsWith(PREFIX) ? reference.slice(PREFIX.length) : reference;
  const name = parseReference(source);
  const directory = mkdtempSync(join(tmpdir(), 'niwa-pull-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    const flags = [
      ...(hasPolicy() ? [] : ['--insecure-policy']),
      'copy',
      ...(tlsVerify ? [] : ['--src-tls-verify=false']),
    ];
    await skopeo([...flags, `${PREFIX}${source}`, `oci:${directory}`]);
  } catch (error) {
    remove();
    throw error;
  }
  return { directory, name, remove };
}

/** Whether a signature policy exists, see containers-policy.json(5). Without one, skopeo must be told to use none. */
function hasPolicy(): boolean {
  return ['/etc/containers', join(homedir(), '.config/containers')].some((path) =>
    existsSync(join(path, 'policy.json')),
  );
}

/** Runs skopeo; its progress goes to standard error. */
async function skopeo(args: string[]): Promise<void> {
  const child = spawn('skopeo', args, { stdio: ['ignore', process.stderr, process.stderr] });
  const failed = (reason: string, cause?: unknown) => new NiwaError('HOST_ERROR', reason, { cause });
  const [status] = await once(child, 'exit').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw failed(`cannot run skopeo: ${error.message}`, error);
    throw failed(
      'pulling needs skopeo, which is not installed: `apt-get install skopeo`, or pull elsewhere and use `niwa image import`',
      error,
    );
  });
  if (status !== 0) throw failed(`skopeo has failed (exit status ${status}); its messages are above`);
}

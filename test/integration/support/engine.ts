import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { tarOf } from '../../unit/images/make-tar.js';
import { dockerTar, shell } from './images.js';
import type { Niwad } from './niwad.js';
import { NIWA_OCI } from './oci.js';

/** What tests of container engines have in common. */

/** The name of an image with a shell, as engines complete it. */
export const SHELL_IMAGE = 'docker.io/library/shell:latest';

/** Writes a program that is niwa-oci against one niwad: engines give their runtime another environment. */
export function runtimeOf({ place }: Pick<Niwad, 'place'>): string {
  const path = join(mkdtempSync(join(place.files, 'runtime-')), 'niwa-oci');
  const words = `#!/bin/sh\nexec ${NIWA_OCI} --niwad ${join(place.runDir, 'oci.sock')} "$@"\n`;
  writeFileSync(path, words, { mode: 0o755 });
  return path;
}

/** Writes the tar of an image with a shell. */
export function shellImage(path: string, name = SHELL_IMAGE, command = ['sh']): string {
  writeFileSync(path, dockerTar([tarOf(...shell())], { Env: ['PATH=/bin'], Cmd: command }, [name]));
  return path;
}

/** The environment that finds unpacked programs, and those that they start. */
export function withPrograms(...folders: string[]): Record<string, string> {
  return { PATH: [...folders, process.env.PATH ?? ''].join(':') };
}

/** The command line of an engine. */
export abstract class Client {
  /** The words that each command line begins with, and its environment. */
  protected abstract begin(): { words: readonly string[]; env: Record<string, string> };

  /** Runs a command to its end. */
  async run(...args: string[]) {
    const { words, env } = this.begin();
    const [program = '', ...rest] = [...words, ...args];
    const { exitCode, stdout, stderr } = await execa(program, rest, { env, reject: false, stdin: 'ignore' });
    return { exitCode, stdout, stderr };
  }

  /** Runs a command, which has to succeed; gives its output. */
  async done(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(...args);
    if (exitCode !== 0) throw new Error(`${[...this.begin().words, ...args].join(' ')}: ${exitCode}, ${stderr}`);
    return stdout;
  }
}

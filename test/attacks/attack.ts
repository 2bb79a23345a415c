import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa, execaSync } from 'execa';
import { test as base } from 'vitest';
import type { SpecInput } from '../../src/protocol/spec.js';
import { makePlace, Niwad, type Place, removePlace } from '../integration/support/niwad.js';

/**
 * The bench of the attacks. A program of programs/*.c tries something and says of each try "worked" or the name of the
 * error; it runs in a default container, where every try has to fail, and once more where the protection is off.
 */

const SOURCES = fileURLToPath(new URL('programs', import.meta.url));
const COMPILED = fileURLToPath(new URL('../../build/attacks', import.meta.url));

/** A file system whose mounts can be id-mapped: 9p and overlay, which the virtual machine's root is, cannot. */
const DISK = process.env.NIWA_VM_DISK ?? '/var/tmp';

/** What each try came to, by its name. */
export type Results = Record<string, string>;

/** A spec but for what runs. */
export type Surroundings = Omit<SpecInput, 'process'> & { process?: Partial<SpecInput['process']> };

async function placeOf(settings: object, onCleanup: (end: () => Promise<void>) => void) {
  const place = makePlace(settings);
  onCleanup(() => removePlace(place));
  return place;
}

async function daemonOf(place: Place, onCleanup: (end: () => Promise<void>) => void) {
  const niwad = await Niwad.start(place);
  onCleanup(async () => {
    await niwad.stop();
  });
  return niwad;
}

const onDisk = base.extend('disk', DISK).extend('volume', async ({ disk }, { onCleanup }) => {
  const directory = mkdtempSync(join(disk, 'niwa-attack-'));
  onCleanup(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  return directory;
});

/**
 * A test with `niwad`, one daemon for all attacks of a worker, and `volume`, a directory of the test's own on a disk.
 */
export const test = onDisk
  .extend('settings', { scope: 'worker' }, {})
  .extend('place', { scope: 'worker' }, ({ settings }, { onCleanup }) => placeOf(settings, onCleanup))
  .extend('niwad', { scope: 'worker' }, ({ place }, { onCleanup }) => daemonOf(place, onCleanup));

/** The same with a daemon of the file's own, which has these settings. */
export const testWith = (settings: object) =>
  onDisk
    .extend('settings', { scope: 'file' }, settings)
    .extend('place', { scope: 'file' }, ({ settings: own }, { onCleanup }) => placeOf(own, onCleanup))
    .extend('niwad', { scope: 'file' }, ({ place }, { onCleanup }) => daemonOf(place, onCleanup));

/** The path of a compiled attack program on the host. */
export function compiled(name: string): string {
  const source = join(SOURCES, `${name}.c`);
  const program = join(COMPILED, name);
  const fresh = existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs;
  if (fresh) return program;
  mkdirSync(COMPILED, { recursive: true });
  execaSync('gcc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-o', program, source]);
  return program;
}

/** The spec of a container that runs an attack program. */
export function attackSpec(name: string, args: string[] = [], spec: Surroundings = {}): SpecInput {
  const program = compiled(name);
  const mount = { type: 'bind', source: program, target: '/attack', readonly: true, idmap: false } as const;
  return { ...spec, mounts: [...(spec.mounts ?? []), mount], process: { ...spec.process, args: ['/attack', ...args] } };
}

/** Runs an attack program in a container. */
export async function attack(niwad: Niwad, name: string, args: string[] = [], spec: Surroundings = {}) {
  const { stdout, stderr, exit } = await niwad.run(attackSpec(name, args, spec));
  if (stderr !== '' || exit.code !== 0) throw new Error(`the attack ends with ${JSON.stringify(exit)}: ${stderr}`);
  return results(stdout);
}

/** Runs an attack program as a plain process of the host. */
export async function attackOnHost(name: string, args: string[] = [], prefix: string[] = []): Promise<Results> {
  const [file = '', ...rest] = [...prefix, compiled(name), ...args];
  return results((await execa(file, rest)).stdout);
}

/** Runs a line of shell on the host, in a mount namespace of its own: as a careless runtime would. */
export async function careless(script: string, args: string[] = []): Promise<string> {
  const { stdout } = await execa('unshare', [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-ec',
    script,
    'sh',
    ...args,
  ]);
  return stdout;
}

/** What switches the protections off that a spec can switch off. */
export function unprotected(...add: string[]) {
  return { userns: 'host', seccomp: 'unconfined', capabilities: { add } } as const;
}

/** Reads lines of "what: result". */
export function results(output: string): Results {
  const lines = output.split('\n').filter(Boolean);
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf(': ');
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
}

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { installPackage } from '../packages.mjs';

/** npm takes long on a busy machine. */
const options = { timeout: 240_000 };
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'niwa-test-package-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** What a program gets that imports a package and asks a niwad which is not there. */
async function useClient(folder: string, name: string): Promise<string> {
  const program = `
    import { NiwaClient, NiwaError } from '${name}';
    const error = await new NiwaClient('/no/such/socket').health().catch((error) => error);
    console.log(error instanceof NiwaError, error.code);`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder });
  return stdout;
}

/**
 * The packages of a project that have a script for their installation, or a binding.gyp, which npm builds without one.
 */
function builds(folder: string): string[] {
  return installed(folder).filter((name) => {
    const at = join(folder, 'node_modules', name);
    const { scripts = {} } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as { scripts?: object };
    return (
      existsSync(join(at, 'binding.gyp')) || ['preinstall', 'install', 'postinstall'].some((one) => one in scripts)
    );
  });
}

function installed(folder: string): string[] {
  return readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
}

/** What tsc says of programs, by the names of their files, in a project. */
async function typeErrors(folder: string, programs: Record<string, string>): Promise<string> {
  symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'));
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(folder, name), text);
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
  const { stdout } = await execa(join(ROOT, 'node_modules/.bin/tsc'), [...flags, ...Object.keys(programs)], {
    cwd: folder,
    reject: false,
  });
  return stdout;
}

test(
  'niwa-client builds nothing, needs nothing to run, and has the types of what it sends and gets',
  options,
  async () => {
    const folder = emptyFolder();
    await installPackage(folder, 'niwa-client');
    expect(installed(folder)).toEqual(['niwa-client', 'typebox']);
    expect(builds(folder)).toEqual([]);

    const create = `import { NiwaClient } from 'niwa-client';
    const { state, spec, usage } = await new NiwaClient('/a').create({ process: { args: ['a'] } });`;
    const errors = await typeErrors(folder, {
      'right.ts': `${create} export const all: [string, boolean, number | null] = [state, spec.init, usage.cpu.usage_usec];`,
      'wrong.ts': `${create} export const none = state === 'gone' || spec.nothing;`,
    });
    expect(errors.match(/^\S+?\.ts/gm)).toEqual(['wrong.ts', 'wrong.ts']);

    rmSync(join(folder, 'node_modules/typebox'), { recursive: true }); // only the types are made of it
    expect(await useClient(folder, 'niwa-client')).toBe('true DAEMON_UNREACHABLE');
  },
);

test.each(['niwa', 'niwa-client'] as const)(
  '%s is installed without scripts, and its client works',
  options,
  async (name) => {
    const folder = emptyFolder();
    await installPackage(folder, name, ['--ignore-scripts']);
    expect(existsSync(join(folder, 'node_modules', name, 'build'))).toBe(false);
    expect(await useClient(folder, name)).toBe('true DAEMON_UNREACHABLE');
  },
);

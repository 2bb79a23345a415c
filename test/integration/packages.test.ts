import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { rolldown } from 'rolldown';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import bundles from '../../bin/rolldown.config.mjs';
import { installPackage, pack } from '../packages.mjs';

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

let packed: Promise<Awaited<ReturnType<typeof pack>>> | undefined;
const packs = mkdtempSync(join(tmpdir(), 'niwa-test-package-'));
afterAll(() => rmSync(packs, { recursive: true }));

/** The package niwa. While it is packed, files are there as builds of the examples leave them. */
function niwaPackage() {
  packed ??= (async () => {
    const made = ['static/root/etc/README.md', 'sshd/keys/host_key', 'sshd/home/notes'];
    const removed: string[] = [];
    for (const path of made.map((name) => join(ROOT, 'examples', name)).filter((name) => !existsSync(name))) {
      removed.push(mkdirSync(dirname(path), { recursive: true }) ?? path);
      writeFileSync(path, '');
    }
    try {
      return await pack(ROOT, packs);
    } finally {
      for (const path of removed) rmSync(path, { recursive: true });
    }
  })();
  return packed;
}

test('npm installs niwa from the registry without a warning about the version of Node.js', options, async () => {
  const folder = emptyFolder();
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  const { path } = await niwaPackage();
  // `npm test --silent` hands its loglevel on to npm below it, which would print nothing.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=notice'];
  const { all } = await execa('npm', ['install', ...flags, path], { cwd: folder, all: true });
  expect(all).toMatch(/added [0-9]+ packages/);
  expect(all).not.toContain('EBADENGINE');
});

test('each link in the documents of the package leads to a file of the package', options, async () => {
  const { files } = await niwaPackage();
  const documents = files.filter((file) => file.endsWith('.md'));
  expect(documents).toEqual(expect.arrayContaining(['README.md', 'docs/spec.md', 'examples/static/README.md']));
  const dead = documents.flatMap((file) => {
    const links = readFileSync(join(ROOT, file), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g);
    const targets = [...links].map(([, link = '']) => link).filter((link) => !/^[a-z]+:/.test(link));
    const leads = (path: string) => files.some((one) => one === path || one.startsWith(`${path}/`));
    return targets
      .filter((link) => !leads(normalize(join(dirname(file), link)).replace(/\/$/, '')))
      .map((link) => `${file}: ${link}`);
  });
  expect(dead).toEqual([]);
});

test('what was built or made for the examples is not in the package', options, async () => {
  const { files } = await niwaPackage();
  expect(files.filter((file) => /^examples\/[^/]+\/(root|www|home|keys)/.test(file))).toEqual([]);
});

test('the licence of each package whose code is in the bundles is beside them', options, async () => {
  const licences = readFileSync(join(ROOT, 'dist/bundle/THIRD-PARTY-LICENCES'), 'utf8');
  const folders = new Set<string>();
  for (const { input } of bundles) {
    const built = await rolldown({ input: join(ROOT, input), platform: 'node', logLevel: 'silent' });
    const { output } = await built.generate({ format: 'cjs', codeSplitting: false, sourcemap: true });
    for (const source of output[0].map?.sources ?? []) {
      const [folder] =
        /node_modules\/(?:@[^/]+\/)?[^/]+(?:\/node_modules\/(?:@[^/]+\/)?[^/]+)*(?=\/)/.exec(source) ?? [];
      if (folder !== undefined) folders.add(join(ROOT, folder));
    }
    await built.close();
  }
  expect(folders.size).toBeGreaterThan(50);
  for (const folder of [...folders, join(ROOT, 'node_modules/node-addon-api')]) {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>;
    expect(licences).toContain(`\n${name} ${version} (`);
    const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
    if (file !== undefined) expect(licences).toContain(readFileSync(join(folder, file), 'utf8').trim());
  }
  expect((await niwaPackage()).files).toContain('dist/bundle/THIRD-PARTY-LICENCES');
});

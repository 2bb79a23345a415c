#!/usr/bin/env node
// Copies a built tree below --destdir, with the paths of a Debian package: node bin/install/install.mjs --destdir DIR
// If SOURCE_DATE_EPOCH is set, every file gets that time, so that two runs give the same bytes.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const source = fileURLToPath(new URL('../..', import.meta.url));
const here = join(source, 'bin/install');
const LIB = 'usr/lib/niwa';
const DOC = 'usr/share/doc/niwa';
/** The licences of the packages in the bundles. */
const LICENCES = 'dist/bundle/THIRD-PARTY-LICENCES';
const LAUNCHERS = ['niwa', 'niwad', 'launch.cjs', 'young-space.cjs', 'package.json'].map((name) => `bin/${name}`);
/** The build results. node_modules is not needed: the bundle contains the modules that it uses. */
const BUILT = [
  'dist/bundle',
  ...['niwa.node', 'niwa-boot', 'niwa-keeper', 'niwa-reach', 'niwa-files', 'niwa-oci'].map(
    (name) => `build/Release/${name}`,
  ),
];

const UNITS = ['niwad.service', 'niwad.socket', 'niwa-oci.socket'];

/** Where each shell of Debian looks for the completion of a program. */
const COMPLETIONS = {
  bash: 'usr/share/bash-completion/completions/niwa',
  zsh: 'usr/share/zsh/vendor-completions/_niwa',
  fish: 'usr/share/fish/vendor_completions.d/niwa.fish',
};

/** Copies a file, or a directory with all its files. */
function copy(from, to) {
  if (statSync(from).isDirectory()) {
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) copy(join(from, name), join(to, name));
  } else {
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
  }
}

/** Installs into an empty or new directory. */
function install(destdir) {
  const at = (path) => join(destdir, path);
  for (const name of [...LAUNCHERS, 'package.json', ...BUILT]) copy(join(source, name), at(join(LIB, name)));

  mkdirSync(at('usr/bin'), { recursive: true });
  for (const name of ['niwa', 'niwad']) symlinkSync(`../lib/niwa/bin/${name}`, at(`usr/bin/${name}`));
  symlinkSync('../lib/niwa/build/Release/niwa-oci', at('usr/bin/niwa-oci'));
  for (const name of UNITS) copy(join(here, name), at(join('lib/systemd/system', name)));
  copy(join(here, 'niwad.yaml'), at('etc/niwa/niwad.yaml'));
  copy(join(source, 'README.md'), at(join(DOC, 'README.md')));
  copy(join(source, 'docs'), at(join(DOC, 'docs')));
  copy(join(source, 'LICENSE'), at(join(DOC, 'copyright')));
  copy(join(source, LICENCES), at(join(DOC, 'THIRD-PARTY-LICENCES')));
  for (const [shell, path] of Object.entries(COMPLETIONS)) write(at(path), completionScript(at('usr/bin/niwa'), shell));
  copy(join(source, 'dist/man'), at('usr/share/man'));
  setModes(destdir);
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Gives the script for the completion of a shell. */
function completionScript(niwa, shell) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [niwa, 'completion', shell], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${niwa} completion ${shell}: ${stderr}`);
  return stdout;
}

/**
 * Sets modes: 0755 for directories and programs, 0644 for other files, whatever umask and source are; and the same time
 * for all.
 */
function setModes(directory) {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) setModes(path);
    else if (entry.isFile()) chmodSync(path, isProgram(path) ? 0o755 : 0o644);
    if (epoch !== undefined) lutimesSync(path, Number(epoch), Number(epoch));
  }
  chmodSync(directory, 0o755);
}

/** Says whether a file is a program that users or niwad start. */
function isProgram(path) {
  const holdsPrograms = [`${LIB}/bin`, `${LIB}/build/Release`].some((folder) => dirname(path).endsWith(folder));
  return holdsPrograms && !/\.(node|mjs|cjs|json)$/.test(path);
}

const { values } = parseArgs({ options: { destdir: { type: 'string' } } });
const destdir = values.destdir;
if (destdir === undefined) {
  process.stderr.write('usage: node bin/install/install.mjs --destdir DIR\n');
  process.exit(2);
}
const missing = [...BUILT, 'dist/man'].filter((name) => !existsSync(join(source, name)));
if (missing.length > 0) {
  process.stderr.write(`${missing.join(', ')} missing in ${source}: run npm ci and npm run build first\n`);
  process.exit(1);
}
if (existsSync(destdir) && readdirSync(destdir).length > 0) {
  process.stderr.write(`${destdir} is not empty: what is in it would be packed too\n`);
  process.exit(1);
}
process.umask(0o022);
install(destdir);

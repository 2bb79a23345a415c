// Compiles a bundle that has just been built: node bin/compile.mjs niwad|niwa
//
// V8 keeps what has been executed until then. So niwad is run as it will be: it takes over containers of a niwad that was
// killed, answers some requests, also those of niwa-oci, and ends. Where it cannot run (it needs root), what it has
// executed is kept. It has nothing of this machine's niwad: neither its settings, nor its directories, nor its cgroup.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import launcher from './launch.cjs';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const READY_MS = 30_000;
/** A static program that waits where it is given a name for its socket, and ends at once where it is not. */
const PROGRAM = 'niwa-keeper';
const DIRECTORIES = ['proc', 'sys', 'dev', 'tmp'];
/** So long a container is left if this process is killed: the keeper ends it then. */
const LIFETIME = '1m';
const GONE_MS = 5000;
/** Any settings: the reader of YAML and the check of the settings are compiled, too. */
const CONFIG = '# of the build\nlogLevel: silent\nkeepExited: 100\n';
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

for (const name of Object.keys(process.env)) if (/^NIWA_|^NOTIFY_SOCKET$/.test(name)) delete process.env[name];
if (process.argv[2] === 'niwad') await rehearse();
else launcher.compile('niwa', ['--version']);

/** Runs niwad here, in directories of its own, and uses it. */
async function rehearse() {
  const { NiwaClient } = await import('../dist/client/client.js');
  const { findCgroup2Mount } = await import('../dist/host/cgroup.js');
  const place = mkdtempSync(join(tmpdir(), 'niwa-compile-'));
  const root = join(place, 'root');
  for (const name of DIRECTORIES) mkdirSync(join(root, name), { recursive: true });
  const config = join(place, 'niwad.yaml');
  writeFileSync(config, CONFIG);
  const socket = join(place, 'niwad.sock');
  const directories = ['--run-dir', join(place, 'run'), '--state-dir', join(place, 'state'), '--socket', socket];
  const cgroup = `niwa-compile-${process.pid}`;
  const mount = findCgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8'));
  const flags = [...directories, '--config', config, '--cgroup', cgroup, '--log-level', 'silent'];

  const client = new NiwaClient(socket);
  const before = spawn(join(PROJECT, 'bin/niwad'), flags, { stdio: 'ignore' });
  const left = once(before, 'exit');
  const cleanUp = () => {
    before.kill('SIGKILL');
    if (mount !== undefined) endGroup(join(mount, cgroup));
    rmSync(place, { recursive: true, force: true }); // without its socket the keeper ends
  };
  const interrupted = (/** @type {NodeJS.Signals} */ signal) => {
    cleanUp();
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  process.on('exit', cleanUp);
  for (const signal of SIGNALS) process.on(signal, interrupted);

  const ended = left.then(() => false);
  if (await Promise.race([isReady(client), ended])) {
    copyFileSync(join(PROJECT, 'build/Release', PROGRAM), join(root, PROGRAM));
    await use(client, root);
  }
  before.kill('SIGKILL');
  await left;
  launcher.compile('niwad', flags);
  if (!(await isReady(client))) process.exit();
  await use(client, root);
  await useAsEngine(join(place, 'run/oci.sock'), join(place, 'bundle'), root);
  await removeAll(client);
  for (const signal of SIGNALS) process.off(signal, interrupted);
  process.kill(process.pid, 'SIGTERM');
}

/**
 * Has containers that end and one that goes on. Where this machine cannot make them, what was tried is compiled.
 * @param {import('../dist/client/client.js').NiwaClient} client
 * @param {string} root
 */
async function use(client, root) {
  const spec = (/** @type {string[]} */ ...args) => ({
    process: { args: [`/${PROGRAM}`, ...args] },
    root: { path: root },
    lifetime: LIFETIME,
    autoRemove: true,
  });
  try {
    const { id } = await client.create(spec('/socket'), { start: true });
    await client.create(spec(), { start: true, wait: true });
    await client.inspect(id);
    await client.list();
  } catch {
    // see above
  }
}

/**
 * Has two containers made as an engine does: by a run, and by one command after another.
 * @param {string} socket where niwad listens for niwa-oci
 * @param {string} bundle the directory to be made for the config
 * @param {string} root
 */
async function useAsEngine(socket, bundle, root) {
  const { DEFAULT_PROFILE } = await import('../dist/plan/seccomp.js');
  const path = join(bundle, 'config.json');
  const ask = async (/** @type {string[]} */ ...words) => {
    const program = join(PROJECT, 'build/Release/niwa-oci');
    const asked = spawn(program, ['--niwad', socket, ...words], { stdio: 'ignore', timeout: GONE_MS });
    await once(asked, 'exit').catch(() => {}); // what was tried is compiled
  };
  mkdirSync(bundle);
  await ask('spec', '--bundle', bundle);
  if (!existsSync(path)) return;
  const config = JSON.parse(readFileSync(path, 'utf8'));
  config.annotations = { 'dev.niwa.lifetime': LIFETIME };
  config.root.path = root;
  config.linux.seccomp = DEFAULT_PROFILE;
  Object.assign(config.process, { terminal: false, args: [`/${PROGRAM}`] });
  writeFileSync(path, JSON.stringify(config));
  await ask('run', '--bundle', bundle, 'one');
  for (const verb of [['create', '--bundle', bundle], ['start'], ['state'], ['delete', '--force']])
    await ask(...verb, 'two');
}

/** @param {import('../dist/client/client.js').NiwaClient} client */
async function removeAll(client) {
  const all = await client.list().catch(() => []);
  await Promise.allSettled(all.map(({ id }) => client.remove(id, { force: true })));
}

/**
 * Says whether niwad answers within a time.
 * @param {import('../dist/client/client.js').NiwaClient} client
 */
async function isReady(client) {
  for (const until = Date.now() + READY_MS; Date.now() < until; await sleep(20)) {
    const answers = await client.health().then(
      () => true,
      () => false,
    );
    if (answers) return true;
  }
  return false;
}

/**
 * Ends what is in a group, and removes it without the help of niwad.
 * @param {string} group
 */
function endGroup(group) {
  const moment = new Int32Array(new SharedArrayBuffer(4));
  for (const until = Date.now() + GONE_MS; existsSync(group) && Date.now() < until; Atomics.wait(moment, 0, 0, 20)) {
    try {
      writeFileSync(join(group, 'cgroup.kill'), '1');
      removeGroup(group);
    } catch {
      // a process in it is still ending
    }
  }
}

/** @param {string} group */
function removeGroup(group) {
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  rmdirSync(group);
}

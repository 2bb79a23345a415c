// Compiles a bundle that has just been built: node [flags of its launcher] bin/compile.mjs niwad|niwa
//
// V8 keeps what has been executed until then. So niwad is run as it will be: it takes over containers of a niwad that was
// killed, answers some requests, and ends. Where it cannot run (it needs root), what it has executed is kept.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
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

if (process.argv[2] === 'niwad') await rehearse();
else launcher.compile('niwa', ['--version']);

/** Runs niwad here, in directories of its own, and uses it. */
async function rehearse() {
  const place = mkdtempSync(join(tmpdir(), 'niwa-compile-'));
  process.on('exit', () => rmSync(place, { recursive: true, force: true }));
  const root = join(place, 'root');
  for (const name of DIRECTORIES) mkdirSync(join(root, name), { recursive: true });
  const directories = ['--run-dir', join(place, 'run'), '--state-dir', join(place, 'state')];
  const flags = [...directories, '--cgroup', `niwa-compile-${process.pid}`, '--log-level', 'silent'];

  const { NiwaClient } = await import('../dist/client/client.js');
  const client = new NiwaClient(join(place, 'run/niwad.sock'));
  const before = spawn(join(PROJECT, 'bin/niwad'), flags, { stdio: 'ignore' });
  const left = once(before, 'exit');
  const ended = left.then(() => false);
  if (await Promise.race([isReady(client), ended])) await use(client, root);
  before.kill('SIGKILL');
  await left;
  launcher.compile('niwad', flags);
  if (!(await isReady(client))) process.exit();
  await use(client, root);
  await removeAll(client);
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
  });
  try {
    copyFileSync(join(PROJECT, 'build/Release', PROGRAM), join(root, PROGRAM));
    await client.create(spec('/socket'), { start: true });
    const { id } = await client.create(spec(), { start: true, wait: true });
    await client.inspect(id);
    await client.list();
  } catch {
    // see above
  }
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

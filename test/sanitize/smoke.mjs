// @ts-check
// For test/sanitize.mjs: a daemon in this process, and containers that succeed, fail, are signalled, frozen, limited
// and outlive their time, one by one and all at once. It checks how they end; the sanitizers check the rest.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { NiwaClient } from '../../dist/client/index.js';
import { mergeConfig } from '../../dist/daemon/config.js';
import { startDaemon } from '../../dist/daemon/daemon.js';
import { kernel } from '../../dist/kernel/addon.js';

/** @typedef {import('../../dist/protocol/spec.js').SpecInput} Spec */

const SIMULTANEOUS = 24;
const NOT_THERE = '/no/such/thing';
/** @param {string} script @returns {Spec['process']} */
const sh = (script) => ({ args: ['sh', '-c', script] });
const sleeper = { args: ['sleep', '100'] };
/** As many missing directories as fit into a path. */
const deep = '/a'.repeat(2047);
const HOST_ONLY = { mount: 'host', pid: 'host', network: 'host', ipc: 'host', uts: 'host', cgroup: 'host' };
/** @type {Spec['mounts']} */
const ETC = [{ type: 'bind', source: '/etc', target: '/mnt', readonly: true }];

/** In what and how each of them fails. @type {[string, string, Spec][]} */
const FAILURES = [
  ['exec', 'ENOENT', { process: { args: ['no-such-program'] } }],
  ['exec', 'ENOENT', { process: { args: [NOT_THERE], env: { PATH: ':::/bin:' } } }],
  ['exec', 'EACCES', { process: { args: ['/etc/passwd'] } }],
  ['exec', 'ENOENT', { process: { args: ['x'.repeat(5000)] } }],
  ['exec', 'ENOENT', { process: { args: ['none'] }, init: true }],
  ['exec', 'E2BIG', { process: { args: ['true', 'x'.repeat(200_000)] } }],
  ['exec', 'E2BIG', { process: { args: ['true', ...Array(9_999).fill('x'.repeat(10))] }, rlimits: { stack: 65_536 } }],
  ['chdir', 'ENOENT', { process: { args: ['true'], cwd: NOT_THERE } }],
  ['bind', 'ENOENT', { process: sleeper, root: { path: NOT_THERE } }],
  ['bind', 'ENOENT', { process: sleeper, mounts: [{ type: 'bind', source: NOT_THERE, target: '/mnt' }] }],
  ['setns', 'ENOENT', { process: sleeper, namespaces: { network: NOT_THERE } }],
  ['setns', 'EINVAL', { process: sleeper, namespaces: { network: '/proc/self/ns/uts' } }],
  ['clone3', 'ENOENT', { process: sleeper, namespaces: { pid: NOT_THERE } }],
];

/** The status that each of them ends with. @type {[number, Spec][]} */
const ENDS = [
  [0, { process: { args: ['true'] } }],
  [0, { process: { args: ['true'] }, namespaces: HOST_ONLY, userns: 'host', seccomp: 'unconfined' }],
  [
    0,
    { process: sh('test ! -w /mnt'), root: { path: '/', readonly: true, overlay: false }, userns: 'host', mounts: ETC },
  ],
  [7, { process: sh('exit 7') }],
  [7, { process: sh('sleep 0.1 & exit 7'), init: true }],
  [143, { process: sh('kill $$'), init: true }],
  [0, { process: { args: ['env'], env: { PATH: '/bin:/usr/bin', A: 'x'.repeat(100_000) } } }],
  [0, { process: { args: ['true', ...Array(9_000).fill('argument')] } }],
  [0, { process: { args: ['test', '-d', deep] }, mounts: [{ type: 'tmpfs', target: deep, size: '1M' }] }],
  [
    0,
    {
      process: { ...sh('test $(id -u) = 1000'), user: 1000 },
      rlimits: { nofile: 64, core: 0 },
      capabilities: { drop: ['ALL'] },
    },
  ],
];

/**
 * @param {NiwaClient} client
 * @param {string} operation
 * @param {string} errno
 * @param {Spec} spec
 */
async function fails(client, operation, errno, spec) {
  const error = await client.create(spec, { start: true }).catch((reason) => reason);
  assert.deepEqual(
    [error.details?.step?.operation, error.details?.step?.errno],
    [operation, errno],
    error.message?.slice(-200),
  );
}

/**
 * @param {NiwaClient} client
 * @param {number} code
 * @param {Spec} spec
 */
async function ends(client, code, spec) {
  const { id, exit } = await client.create(spec, { start: true, wait: true });
  let said = '';
  for await (const { data } of client.logs(id)) said += data;
  assert.equal(exit?.code, code, `status ${exit?.code} instead of ${code}: ${said}`);
}

/** One container through all that can be done to it. @param {NiwaClient} client */
async function live(client) {
  const { id } = await client.create({ process: sh('trap "echo asked; exit 3" TERM; while :; do sleep 0.01; done') });
  await client.start(id);
  for (let i = 0; i < 3; i++) {
    await client.pause(id);
    await client.resume(id);
    await client.stats(id);
  }
  await client.update(id, { cpu: { max: 0.5 } }).catch(({ code }) => assert.equal(code, 'HOST_UNSUPPORTED'));
  await client.setLifetime(id, { lifetime: '1h' });
  await client.kill(id, 'SIGWINCH');
  const { exit } = await client.stop(id);
  assert.equal(exit?.reason, 'stopped');
  await client.history(id);
  await client.remove(id);
}

/** Every way in which it can be made to end. @param {NiwaClient} client */
async function end(client) {
  const run = (/** @type {object} */ fields) => client.create({ process: sleeper, ...fields }, { start: true });
  const [killed, lapsed, cut, frozen, stubborn, removed] = await Promise.all([
    run({}),
    run({ lifetime: '100ms', init: true }),
    run({ lifetime: '1h' }),
    run({ lifetime: '3s' }), // it is paused before, also on a slow machine
    run({ process: sh('trap "" TERM; sleep 100'), stopTimeout: '50ms' }),
    client.create({ process: sleeper }),
  ]);
  await client.pause(frozen.id);
  await client.kill(killed.id);
  await client.setLifetime(cut.id, { remaining: '10ms' });
  await client.remove(removed.id, { force: true });
  await client.stop(stubborn.id);
  const reasons = await Promise.all(
    [killed, lapsed, cut, frozen].map(async ({ id }) => (await client.wait(id)).reason),
  );
  assert.deepEqual(reasons, ['killed', 'lifetime', 'lifetime', 'lifetime']);
}

/** The helper is killed while it waits, and the start comes as it dies. @param {NiwaClient} client */
async function dieCreated(client) {
  const { id, pid } = await client.create({ process: sleeper });
  if (pid !== null) process.kill(pid, 'SIGKILL');
  await client.start(id).catch(({ code }) => assert.match(code, /START_FAILED|STATE_CONFLICT/));
  await client.wait(id);
}

/** What the daemon itself never asks for. @param {NiwaClient} client */
async function misuse(client) {
  const { containers, readings } = kernel;
  const { id } = await client.create({ process: sleeper }, { start: true });
  for (let handle = 0; handle < 1000; handle++) {
    for (const signal of [0, -1, 65, 2 ** 31 - 1]) {
      try {
        assert.equal(containers.signal(handle, signal), 0);
      } catch (error) {
        assert.match(String(error), signal === 0 ? /ESRCH/ : /ESRCH|EINVAL/);
      }
    }
  }
  assert.equal((await client.inspect(id)).state, 'running');
  const nobody = 4_000_000_000;
  const never = { atNs: 0n, cause: 0, signal: 0, timeoutNs: 0n };
  const gone = { errno: 'ESRCH' };
  assert.throws(() => containers.signal(nobody, 15), gone);
  containers.kill(nobody);
  assert.throws(() => containers.write(nobody, 'x', 'y'), gone);
  await assert.rejects(containers.freeze(nobody, true, 0), gone);
  assert.equal(containers.setDeadline(nobody, never), false);
  await assert.rejects(containers.start(nobody, 0n, never), gone);
  readings.sample(Uint32Array.of(nobody), new Float64Array(readings.columns.size));
  assert.throws(() => readings.sample(Uint32Array.of(nobody), new Float64Array(1)));
  readings.ioStat(nobody);
  containers.release(nobody);
  assert.throws(() => kernel.sockets.peer(-1), { errno: 'EBADF' });
}

const folder = mkdtempSync(join(tmpdir(), 'niwa-smoke-'));
const at = (/** @type {string} */ name) => join(folder, name);
const config = { runDir: at('run'), stateDir: at('state'), cgroup: `niwa-smoke-${process.pid}`, sampleIntervalMs: 100 };
const daemon = await startDaemon(mergeConfig(config, ''), pino({ level: 'error' }));
const client = new NiwaClient(at('run/niwad.sock'));
try {
  for (const [operation, errno, spec] of FAILURES) await fails(client, operation, errno, spec);
  for (const [code, spec] of ENDS) await ends(client, code, spec);
  await Promise.all(
    Array.from({ length: SIMULTANEOUS }, (_, i) => {
      const [code = 0, spec] = ENDS[i % ENDS.length] ?? [];
      const [operation = '', errno = '', failing] = FAILURES[i % FAILURES.length] ?? [];
      return Promise.all([spec && ends(client, code, spec), failing && fails(client, operation, errno, failing)]);
    }),
  );
  await Promise.all([live(client), live(client), end(client), end(client), dieCreated(client), dieCreated(client)]);
  await misuse(client);
} finally {
  // where an operation failed, others may still be removing theirs
  for (const { id } of await client.list()) await client.remove(id, { force: true }).catch(() => {});
  client.close();
  await daemon.close();
  rmSync(folder, { recursive: true, force: true });
}

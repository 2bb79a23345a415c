// Technique: a program that makes calls for which its filter asks an agent, as fast as it can, while the agent answers
// none. Only its own processes wait: niwad is not asked.
import { join } from 'node:path';
import { describe, expect, vi } from 'vitest';
import { PATIENCE } from '../integration/support/host.js';
import type { Niwad } from '../integration/support/niwad.js';
import type { Oci } from '../integration/support/oci.js';
import { seccompAgent } from '../integration/support/seccomp-agent.js';
import { listen } from './listener.js';
import { bundleOf, type Change, test } from './oci-attack.js';
import { BOUND_MS, slowestHealth } from './slowest-health.js';

const PROCESSES = '8';

const asks =
  (path: string, flags: readonly string[] = [], call = 'mkdir'): Change =>
  ({ linux }) => {
    linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      flags,
      listenerPath: path,
      syscalls: [{ names: [call], action: 'SCMP_ACT_NOTIFY' }],
    };
  };
const lives =
  (lifetime: string): Change =>
  (config) => {
    config.annotations = { 'dev.niwa.lifetime': lifetime };
  };

/** Lets a container flood, and gives its id and the end of its run. */
async function flooding(oci: Oci, ...changes: Change[]) {
  const id = oci.id();
  const bundle = await bundleOf(oci, 'notify-flood', [PROCESSES], (config) => {
    for (const change of changes) change(config);
  });
  const run = oci.begin('run', '--bundle', bundle, id);
  const said = await new Promise<string>((resolve, reject) => {
    run.stdout?.once('data', (bytes) => resolve(String(bytes).trim()));
    void run.then(({ stderr }) => reject(new Error(`it has ended: ${stderr}`)));
  });
  return { id, said, ended: run };
}

const gone = (niwad: Niwad) => vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);

test.for([{ flags: [] }, { flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] }])(
  'flood of notifications, flags $flags: others start, niwad answers, and it can be ended in each way',
  async ({ flags }, { oci, niwad, volume }) => {
    const path = join(volume, 'agent');
    await using _ = await listen(path, 'mute');
    const plain = await oci.bundle('true');
    const { id, said, ended } = await flooding(oci, asks(path, flags));
    expect(said).toBe('flood: worked');
    const { slowest } = await slowestHealth(niwad.socket, async () => {
      for (let i = 0; i < 5; i++) await oci.done('run', '--bundle', plain, oci.id());
      await niwad.cli('run', '--rm', '--', 'true');
    });
    console.log(`while it floods, niwad answers within ${slowest.toFixed()} ms`);
    expect(slowest).toBeLessThan(10 * BOUND_MS);
    expect(await oci.state(id)).toMatchObject({ status: 'running' });
    await oci.done('pause', id);
    await oci.done('resume', id);
    await oci.done('kill', id, 'KILL');
    expect((await ended).exitCode).toBe(137);

    const forced = await flooding(oci, asks(path, flags));
    await oci.done('delete', '--force', forced.id);
    expect((await forced.ended).exitCode).toBe(137);

    const bounded = await flooding(oci, asks(path, flags), lives('1s'));
    expect((await bounded.ended).exitCode).toBe(137);
    await gone(niwad);
  },
);

test('flood of notifications: an exec begins, though nobody answers its calls, and ends with the container', async ({
  oci,
  niwad,
  volume,
}) => {
  const path = join(volume, 'agent');
  await using _ = await listen(path, 'mute');
  const { id, ended } = await flooding(oci, asks(path));
  const exec = oci.begin('exec', id, 'mkdir', '/tmp/x');
  await vi.waitFor(
    async () => expect((await oci.done('ps', id)).split('\n')).toContainEqual(expect.stringMatching(/mkdir .tmp.x$/)),
    PATIENCE,
  );
  await oci.done('delete', '--force', id);
  expect((await exec).exitCode).toBe(137);
  await ended;
  await gone(niwad);
});

describe('calls of a start that nobody answers', () => {
  const startsOthers = async (niwad: Niwad, oci: Oci) => {
    const bundle = await oci.bundle('true');
    const { slowest } = await slowestHealth(niwad.socket, async () => {
      for (let i = 0; i < 5; i++) await oci.done('run', '--bundle', bundle, oci.id());
    });
    expect(slowest).toBeLessThan(10 * BOUND_MS);
  };

  test('hold up its create alone, of which nothing is left when the command is killed', async ({
    oci,
    niwad,
    volume,
  }) => {
    const path = join(volume, 'agent');
    await using _ = await listen(path, 'mute');
    const create = oci.begin('create', '--bundle', await oci.bundle('true', asks(path, [], 'sendto')), oci.id());
    await startsOthers(niwad, oci);
    expect(create.exitCode).toBeNull();
    create.kill('SIGKILL');
    await create;
    await gone(niwad);
  });

  test('hold up its start alone, and the container can be deleted', async ({ oci, niwad, volume }) => {
    const path = join(volume, 'agent');
    await using _ = await listen(path, 'mute');
    const id = oci.id();
    expect(await oci.make('create', '--bundle', await oci.bundle('true', asks(path, [], 'execve')), id)).toMatchObject({
      message: '',
    });
    const start = oci.begin('start', id);
    await startsOthers(niwad, oci);
    expect(start.exitCode).toBeNull();
    await oci.done('delete', '--force', id);
    await start;
    await gone(niwad);
  });
});

test('flood of notifications, control: with an agent that answers the program goes on', async ({ oci, niwad }) => {
  await using agent = await seccompAgent(niwad.place);
  const { id, said, ended } = await flooding(oci, asks(agent.path));
  expect(said).toBe('answered: worked');
  await oci.done('delete', '--force', id);
  await ended;
});

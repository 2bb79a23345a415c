import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { NiwaError, SpecInput } from '../../src/client/index.js';
import { needsController } from './support/host.js';
import { mountsOf } from './support/niwad.js';
import { test } from './support/test.js';

const program = { args: ['true'] };
const missing = '/no/such/thing';

/** Each spec fails in one step: what the operation is called, the errno, and what the words of the step hold. */
const failures: [string, SpecInput, operation: string, errno: string, words: string][] = [
  ['a program that is not there', { process: { args: ['no-such-program'] } }, 'exec', 'ENOENT', 'no-such-program'],
  ['a program path that is not there', { process: { args: [missing] } }, 'exec', 'ENOENT', missing],
  ['a file that is not executable', { process: { args: ['/etc/passwd'] } }, 'exec', 'EACCES', '/etc/passwd'],
  ['a directory as the program', { process: { args: ['/etc'] } }, 'exec', 'EACCES', '/etc'],
  ['a working directory that is not there', { process: { ...program, cwd: missing } }, 'chdir', 'ENOENT', missing],
  [
    'a bind mount of a missing source',
    { process: program, mounts: [{ type: 'bind', source: missing, target: '/mnt' }] },
    'bind',
    'ENOENT',
    missing,
  ],
  ['a root that is not there', { process: program, root: { path: missing } }, 'bind', 'ENOENT', missing],
  ['a namespace that is not there', { process: program, namespaces: { network: missing } }, 'setns', 'ENOENT', missing],
  [
    'a namespace of another kind',
    { process: program, namespaces: { network: '/proc/self/ns/uts' } },
    'setns',
    'EINVAL',
    '/proc/self/ns/uts',
  ],
  [
    'a PID namespace that is not there',
    { process: program, namespaces: { pid: missing } },
    'clone3',
    'ENOENT',
    missing,
  ],
];

test.for(failures)(
  '%s: the error names the step, and nothing is left',
  async ([, spec, operation, errno, words], { niwad }) => {
    const mounts = mountsOf(niwad.place);
    const id = `fails-${niwad.ledger().length}`;
    const error = await niwad.start({ ...spec, id }).then(
      () => expect.unreachable('it started'),
      (reason: NiwaError) => reason,
    );
    expect(error).toMatchObject({ code: 'START_FAILED', details: { step: { operation, errno } } });
    const { number, total, text } = error.details.step ?? {};
    expect(text).toContain(words);
    expect(error.message).toContain(`${text}: ${errno} (step ${number} of ${total})`);

    expect(await niwad.client.list()).toEqual([]);
    expect(niwad.groups()).toEqual([]);
    expect(mountsOf(niwad.place)).toEqual(mounts);
    expect(readdirSync(join(niwad.place.runDir, 'stage'))).toEqual([]);
    expect(niwad.ledger(id)).toMatchObject([{ id, started_at: null, reason: 'start-failed' }]);
  },
);

test('a container that was created and then fails to start has exited', async ({ niwad }) => {
  const { client } = niwad;
  const { pid } = await client.create({ id: 'created', process: { args: ['no-such-program'] } });
  await expect(client.start('created')).rejects.toMatchObject({ code: 'START_FAILED' });
  expect(await client.inspect('created')).toMatchObject({ state: 'exited', exit: { reason: 'start-failed' } });
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect(niwad.groups()).toEqual([]);
  expect(niwad.ledger('created')).toMatchObject([{ reason: 'start-failed', started_at: null }]);
  await client.remove('created');
});

test('limits that change between create and start do not change which step failed', { tags: 'vm' }, async ({
  niwad,
  skip,
}) => {
  needsController(skip, 'memory');
  const { client } = niwad;
  const failedStep = async (id: string, between: () => Promise<unknown>) => {
    await client.create({ id, process: { args: ['no-such-program'] } });
    await between();
    const error = await client.start(id).then(
      () => expect.unreachable('it started'),
      (reason: NiwaError) => reason,
    );
    await client.remove(id);
    return error;
  };
  const asCreated = await failedStep('as-created', async () => {});
  const limits = { cpu: { max: 0.5, weight: 50 }, memory: { low: '1M', high: '64M' } };
  const updated = await failedStep('updated', () => client.update('updated', limits));
  expect(asCreated.details.step).toMatchObject({ operation: 'exec', errno: 'ENOENT' });
  expect(updated).toMatchObject({ code: 'START_FAILED', details: asCreated.details });
});

test('an id is free again after a failed start', async ({ niwad }) => {
  await expect(niwad.start({ id: 'again', process: { args: ['no-such-program'] } })).rejects.toThrow();
  const { exit } = await niwad.run({ id: 'again', process: program });
  expect(exit.reason).toBe('exited');
});

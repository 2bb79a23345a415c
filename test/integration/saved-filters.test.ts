import { expect, test } from 'vitest';
import { toCheckedLine } from '../../src/host/checked-line.js';
import { filterOf } from '../filters.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { scaled } from './support/host.js';
import { damageLines } from './support/journal.js';
import { isAlive } from './support/niwad.js';

cleanUpDaemons();

const IDS = ['running', 'created'];

test('a container with a filter that an earlier niwad has taken goes on, and only a new start is refused, at once', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const spec = (id: string) => ({ id, process: { args: ['sleep', '1000'] }, seccomp: filterOf(2) });
  await first.client.create(spec('created'));
  const { pid } = await first.start(spec('running'));
  await first.stop('SIGKILL');
  for (const id of IDS)
    damageLines(place, id, (line) => {
      const { crc32: _, ...value } = JSON.parse(line);
      if (value.state !== undefined) value.state.spec.seccomp = filterOf(20); // it takes libseccomp minutes
      return toCheckedLine(value);
    });

  const begun = performance.now();
  const second = await startDaemon(place);
  expect(isAlive(pid ?? 0)).toBe(true);
  expect(await second.client.inspect('running')).toMatchObject({ state: 'running', pid });
  expect(await second.client.start('created')).toMatchObject({ state: 'running' });
  const refusal = { code: 'SPEC_INVALID', message: expect.stringMatching(/more than 729 combinations .*"mkdir"/) };
  await expect(second.client.create({ ...spec('new'), seccomp: filterOf(20) })).rejects.toMatchObject(refusal);
  for (const id of IDS) {
    await second.client.kill(id);
    await second.client.wait(id);
    await expect(second.client.start(id)).rejects.toMatchObject(refusal);
  }
  expect(performance.now() - begun).toBeLessThan(scaled(20_000));
  expect(second.ledger().filter(({ type }) => type === 'final')).toHaveLength(2);
});

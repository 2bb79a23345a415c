// @module-tag vm
import { expect, vi } from 'vitest';
import { PATIENCE } from './support/host.js';
import { Oci } from './support/oci.js';
import { test as base } from './support/test.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));
/** The longest ids that there are. A plus has three characters in a URL. */
const [FIRST, SECOND] = ['+'.repeat(1024), `${'+'.repeat(1023)}x`];
const ROOT = `/run/${'r'.repeat(200)}${'/x'.repeat(1900)}`;

test('the record of a container of an engine has its id there; that of any other one has none', async ({
  oci,
  niwad,
}) => {
  const bundle = await oci.bundle('true');
  await oci.done('--root', ROOT, 'run', '--bundle', bundle, FIRST);
  const { id } = await niwad.start({ process: { args: ['true'] } });
  await niwad.client.wait(id);
  const ofEngine = await vi.waitFor(() => {
    const [record] = niwad.ledger().filter(({ oci: name }) => name?.id === FIRST);
    return record ?? expect.unreachable('there is no record yet');
  }, PATIENCE);
  expect(ofEngine).toMatchObject({ type: 'final', reason: 'exited', oci: { id: FIRST, root: ROOT } });
  expect(niwad.ledger(id).map((record) => Object.keys(record))).toEqual([expect.not.arrayContaining(['oci'])]);
});

test('usage is summed by the id in the engine, however often it has started it, and page by page', async ({
  oci,
  niwad,
}) => {
  const bundle = await oci.bundle('true');
  const since = new Date().toISOString();
  for (const id of [FIRST, SECOND, SECOND]) await oci.done('run', '--bundle', bundle, id);
  await niwad.run({ process: { args: ['true'] } });
  const rows = async (...words: string[]) => {
    const { stdout } = await niwad.cli('usage', '--by', 'engine-id', '--since', since, '--json', ...words);
    return (JSON.parse(stdout).rows as { key: string | null; runs: number }[]).map(({ key, runs }) => [key, runs]);
  };
  const all = [
    [FIRST, 1],
    [SECOND, 2],
    [null, 1],
  ];
  await vi.waitFor(async () => expect(await rows()).toEqual(all), PATIENCE);
  expect(await rows('--limit', '1')).toEqual([all[0]]);
  expect(await rows('--limit', '1', '--after', encodeURIComponent(FIRST))).toEqual([all[1]]);
});

test('the metrics name the id in the engine once', async ({ oci, niwad }) => {
  const name = oci.id();
  await oci.make('run', '--detach', '--bundle', await oci.bundle('exec sleep 1000'), name);
  const [{ id } = expect.unreachable()] = (await niwad.client.list()).filter(({ oci: named }) => named?.id === name);
  const text = await niwad.client.metrics();
  const lines = text.split('\n').filter((line) => line.includes(`"${name}"`));
  expect(lines).toEqual([`niwa_container_engine_info{id="${id}",engine_id="${name}",root="/run/niwa-oci"} 1`]);
  await oci.done('delete', '--force', name);
});

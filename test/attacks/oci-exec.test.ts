// Techniques against an exec of a container engine: the helper is caught while it enters the container (CVE-2016-9962).
import { expect } from 'vitest';
import { SLOWNESS } from '../integration/support/host.js';
import { type BundleConfig, Oci } from '../integration/support/oci.js';
import { test as base, compiled, results } from './attack.js';

const test = base.extend('oci', ({ niwad }) => new Oci(niwad));
const SECONDS = 3 * SLOWNESS;

/** Runs a container that wants to catch the helper, and many execs in it; gives what came of it. */
async function catchHelper(oci: Oci, change: (config: BundleConfig) => void = () => {}) {
  const id = oci.id();
  const bundle = await oci.bundle('', (config) => {
    const source = compiled('catch-entering');
    config.process.args = ['/attack', String(SECONDS)];
    config.mounts.push({ destination: '/attack', type: 'bind', source, options: ['bind', 'ro'] });
    change(config);
  });
  let isOver = false;
  const catching = oci.run('run', '--bundle', bundle, id).finally(() => {
    isOver = true;
  });
  while (!isOver) await oci.run('exec', id, 'true'); // the first ones find no container yet
  return results((await catching).stdout.replace('looking\n', ''));
}

const HARMLESS = { 'gain a capability by it': 'failed', 'leave the container by it': 'failed' };

test('CVE-2016-9962: the helper is seen while it enters, and cannot be caught', async ({ oci }) => {
  expect(await catchHelper(oci)).toEqual({
    'see it': 'worked',
    'know its program': 'failed',
    'know its descriptors': 'failed',
    'trace it': 'failed',
    ...HARMLESS,
  });
});

// the control is that of exec.test.ts: a helper that is born in the PID namespace before it enters the others
test('CVE-2016-9962: with CAP_SYS_PTRACE it is caught, and has nothing that the container has not', {
  retry: 3,
}, async ({ oci }) => {
  const caught = await catchHelper(oci, ({ process }) => {
    for (const set of Object.values(process.capabilities as Record<string, string[]>)) set.push('CAP_SYS_PTRACE');
  });
  expect(caught).toMatchObject({ 'see it': 'worked', 'trace it': 'worked', ...HARMLESS });
});

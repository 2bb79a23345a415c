import { test as base } from 'vitest';
import { NiwaError } from '../../../src/protocol/errors.js';
import { makePlace, Niwad, removePlace } from './niwad.js';

/** The group that may use the socket of the daemon beside root. */
export const GROUP = 54_321;

const SETTINGS = { sampleIntervalMs: 100, group: GROUP };

/**
 * A test with `niwad`, a daemon that tests share: those of a file, or in the virtual machine those of all files. It is
 * ended with everything that it has made after the last of them, however they went; after each file its containers are
 * removed.
 */
export const test = base
  .extend('settings', { scope: 'worker' }, SETTINGS)
  .extend('place', { scope: 'worker' }, async ({ settings }, { onCleanup }) => {
    const place = makePlace(settings);
    onCleanup(() => removePlace(place));
    return place;
  })
  .extend('daemon', { scope: 'worker' }, async ({ place }, { onCleanup }) => {
    const daemon = await Niwad.start(place);
    onCleanup(async () => {
      await daemon.stop();
    });
    return daemon;
  })
  .extend('niwad', { scope: 'file' }, async ({ daemon }, { onCleanup }) => {
    daemon.beginFile();
    onCleanup(async () => {
      const left = await daemon.client.list();
      await Promise.all(left.map(({ id }) => daemon.client.remove(id, { force: true }).catch(unlessGone)));
    });
    return daemon;
  });

/** One of a run is removed by niwad when it has ended. */
function unlessGone(error: unknown): void {
  if (!(error instanceof NiwaError && error.code === 'NOT_FOUND')) throw error;
}

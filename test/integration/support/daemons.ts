import { afterEach } from 'vitest';
import { makePlace, Niwad, type Place, removePlace } from './niwad.js';

/** Daemons of one test's own, for tests that end and start them. */

const daemons: Niwad[] = [];
const places: Place[] = [];

/** Ends and removes after each test of the file whatever daemons and places it made, however it went. */
export function cleanUpDaemons(): void {
  afterEach(async () => {
    await Promise.all(daemons.splice(0).map((niwad) => niwad.stop('SIGKILL')));
    await Promise.all(places.splice(0).map(removePlace));
  });
}

/** Makes a place that is removed after the test. */
export function newPlace(settings: object = {}): Place {
  const place = makePlace(settings);
  places.push(place);
  return place;
}

/** Starts a daemon that is ended after the test. */
export async function startDaemon(place: Place, env: Record<string, string> = {}, flags?: string[]): Promise<Niwad> {
  const niwad = await Niwad.start(place, env, flags);
  daemons.push(niwad);
  return niwad;
}

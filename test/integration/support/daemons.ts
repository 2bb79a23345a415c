import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterEach } from 'vitest';
import { makePlace, Niwad, type Place, removePlace } from './niwad.js';

/** Daemons of one test's own, for tests that end and start them. */

const daemons: Niwad[] = [];
const places: Place[] = [];
const mounted: string[] = [];

/** Takes away after each test of the file whatever mounts, daemons and places it made, however it went. */
export function cleanUpDaemons(): void {
  afterEach(async () => {
    for (const path of mounted.splice(0)) execFileSync('umount', ['--lazy', path]);
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
export async function startDaemon(
  place: Place,
  env: Record<string, string> = {},
  flags?: string[],
  launcher?: string[],
): Promise<Niwad> {
  const niwad = await Niwad.start(place, env, flags, launcher);
  daemons.push(niwad);
  return niwad;
}

/** Makes a directory that is a file system of its own until the end of the test. */
export function mountTmpfs(path: string, options: string): void {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'niwa-test', path]);
  mounted.push(path);
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { PATIENCE } from './host.js';
import { makePlace, Niwad, type Place, removePlace } from './niwad.js';
import { type BundleConfig, NIWA_OCI, Oci } from './oci.js';
import { Systemd } from './systemd.js';

/** A place for daemons and commands that see a systemd as PID 1. */
export class Booted {
  readonly systemd: Systemd;
  readonly place: Place;

  /**
   * Boots a systemd in a new place.
   * @param units units that it shall know beside those of this machine, as Systemd.boot() takes them
   */
  static async boot(settings: object, units: Record<string, string> = {}): Promise<Booted> {
    const place = makePlace(settings);
    try {
      return new Booted(await Systemd.boot(place, units), place);
    } catch (error) {
      await removePlace(place);
      throw error;
    }
  }

  /** Ends systemd with all in it, and removes the place. */
  async end(): Promise<void> {
    await this.systemd.kill();
    await removePlace(this.place);
  }

  constructor(systemd: Systemd, place: Place) {
    this.systemd = systemd;
    this.place = place;
  }

  /** Starts a daemon; gives it with what sends it a signal and waits for its end. It ends with systemd at the latest. */
  async start(env: Record<string, string> = {}): Promise<[niwad: Niwad, end: (signal: string) => Promise<void>]> {
    const file = join(this.place.directory, 'pid');
    const tell = ['sh', '-c', `echo $$ >${file} && exec "$@"`, 'sh'];
    const niwad = await Niwad.start(this.place, env, undefined, [...this.systemd.launcher, ...tell]);
    const pid = readFileSync(file, 'utf8').trim();
    const end = async (signal: string) => {
      await this.systemd.run('kill', `-${signal}`, pid);
      await niwad.ended();
    };
    return [niwad, end];
  }

  /** Makes a bundle of a script. */
  bundle(script: string, change?: (config: BundleConfig) => void): Promise<string> {
    return new Oci({ place: this.place }).bundle(script, change);
  }

  /** Runs niwa-oci with systemd as the cgroup manager; gives what it says. */
  oci(...args: string[]): Promise<string> {
    const words = [NIWA_OCI, '--niwad', join(this.place.runDir, 'oci.sock'), '--systemd-cgroup', ...args];
    const said = join(this.place.files, 'said'); // the container must not have the pipes of the test
    return this.systemd.run('sh', '-c', `"$@" </dev/null >${said} 2>&1; cat ${said}`, 'sh', ...words);
  }

  /** The path of a group below the top group of systemd. */
  group(path: string): string {
    return this.systemd.path(`/sys/fs/cgroup/${path}`);
  }

  /** Waits until a group has gone. */
  async gone(path: string): Promise<void> {
    await vi.waitFor(() => expect(existsSync(this.group(path))).toBe(false), PATIENCE);
  }

  /** The text of a file of a group. */
  file(path: string): string {
    return readFileSync(this.group(path), 'utf8').trim();
  }
}

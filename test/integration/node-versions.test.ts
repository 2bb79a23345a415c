import { delimiter } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { nodejs, OTHER_NODES } from '../programs.mjs';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { NIWA } from './support/niwad.js';

/** What was built here, also the addon, runs on the other versions of Node.js that niwa supports. */

cleanUpDaemons();

test.each(OTHER_NODES)(
  'on Node.js %i, niwad runs a container, and niwa lists it',
  { timeout: 180_000 },
  async (major) => {
    const PATH = [await nodejs(major), process.env.PATH].join(delimiter);
    const niwad = await startDaemon(newPlace(), { PATH });
    expect((await niwad.client.info()).node).toMatch(new RegExp(`^v${major}\\.`));
    await niwad.start({ id: 'web', process: { args: ['sleep', '1000'] } });
    const env = { PATH, NIWA_SOCKET: niwad.socket };
    expect((await execa(NIWA, ['ps'], { env })).stdout).toMatch(/^web +running /m);
    const { exitCode, stdout } = await execa(NIWA, ['run', '--', 'sh', '-c', 'echo from inside; exit 7'], {
      env,
      reject: false,
    });
    expect([exitCode, stdout]).toEqual([7, 'from inside']);
    await niwad.client.remove('web', { force: true });
    expect(niwad.log).not.toMatch(/"level":"?(40|50|60|warn|error|fatal)/);
    expect(await niwad.stop()).toBe(0);
  },
);

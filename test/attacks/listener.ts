import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { compiled } from './attack.js';

/** Somebody who listens on a socket, see programs/listen.c. */
export interface Listener extends AsyncDisposable {
  /** How many of those who have connected came with a descriptor; those of `take` alone are looked at. */
  descriptors: number;
}

/**
 * Lets somebody listen on a path.
 * @param uid the user; without it, root
 */
export async function listen(path: string, mode: 'full' | 'mute' | 'closes' | 'take', uid = 0): Promise<Listener> {
  const listening = execa(compiled('listen'), [path, mode], { uid, gid: uid, reject: false, buffer: false });
  const lines = createInterface(listening.stdout);
  const listener = {
    descriptors: 0,
    async [Symbol.asyncDispose]() {
      listening.kill('SIGKILL');
      await listening;
    },
  };
  await once(lines, 'line');
  lines.on('line', (line) => {
    if (line === 'a descriptor: worked') listener.descriptors++;
  });
  return listener;
}

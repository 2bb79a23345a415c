import { createServer, type Server } from 'node:net';
import { NiwaError } from '../errors.js';

/**
 * Makes sure that no two daemons share something: each name is held as an abstract Unix socket (unix(7)), which the kernel
 * gives back at the end of the process, however that comes.
 * @param names what this daemon alone may use, such as a directory
 * @throws NiwaError STATE_CONFLICT where another daemon has one of them
 */
export async function holdAlone(names: string[]): Promise<void> {
  for (const name of names) {
    const server = createServer().unref();
    await listen(server, name);
  }
}

function listen(server: Server, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new NiwaError(
          'STATE_CONFLICT',
          `another niwad uses ${name}; stop it, or give this one directories and a cgroup of its own`,
          {
            cause: error,
          },
        ),
      ),
    );
    server.listen(`\0niwad:${name}`, resolve);
  });
}

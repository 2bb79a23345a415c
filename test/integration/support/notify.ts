import { execa } from 'execa';
import { expect, vi } from 'vitest';
import { needsFile, PATIENCE, type Skip } from './host.js';

export const perlOf = (skip: Skip) => needsFile(skip, '/usr/bin/perl', 'Node.js has no datagrams on Unix sockets');

/** A service manager's end of sd_notify(3): prints each message, a line "--" after it. */
const LISTENER = `
  use Socket;
  $| = 1;
  my $name = $ARGV[0] =~ s/^@/\\0/r;
  socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
  bind($socket, pack_sockaddr_un($name)) or die $!;
  print "--\\n";
  while (defined recv($socket, my $text, 4096, 0)) { print "$text\\n--\\n" }`;

/** What is told to a service manager. */
export interface Listener {
  /** The messages so far. */
  messages(): string[];
  end(): Promise<void>;
}

/** Listens as a service manager at a path, or at `@` and an abstract name. */
export async function listenAs(perl: string, name: string): Promise<Listener> {
  let said = '';
  const listener = execa(perl, ['-e', LISTENER, name], { reject: false, buffer: false });
  listener.stdout.setEncoding('utf8').on('data', (piece: string) => {
    said += piece;
  });
  await vi.waitFor(() => expect(said).toBe('--\n'), PATIENCE);
  return {
    messages: () => said.split('--\n').slice(1, -1),
    async end() {
      listener.kill('SIGKILL');
      await listener;
    },
  };
}

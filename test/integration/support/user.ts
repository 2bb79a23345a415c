import { execa } from 'execa';
import { needsFile, type Skip } from './host.js';
import type { Niwad } from './niwad.js';

export interface User {
  uid: number;
  gid: number;
  groups?: number[];
}

export interface Asked {
  method?: string;
  path?: string;
  /** Sent as JSON. */
  body?: object;
  /** Sends only this much of the head, and waits for the answer. */
  head?: string;
  /** How many times it is asked, one connection each. */
  times?: number;
}

/** In perl, since a user may not be able to read this Node.js. */
const CLIENT = `
  use IO::Socket::UNIX;
  $SIG{PIPE} = 'IGNORE'; # who is turned away has an answer all the same
  for (1 .. $ARGV[2]) {
    my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!";
    print $socket $ARGV[1];
    print while <$socket>;
  }`;

/** Asks a daemon as another user. Gives the whole answers, or why there was no connection. */
export async function asUser(
  niwad: Niwad,
  skip: Skip,
  { uid, gid, groups = [] }: User,
  asked: Asked = {},
): Promise<string> {
  const { method = 'GET', path = '/v1/containers', body, times = 1 } = asked;
  const text = body === undefined ? '' : JSON.stringify(body);
  const type = body === undefined ? '' : 'Content-Type: application/json\r\n';
  const rest = `Host: niwad\r\nConnection: close\r\n${type}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  const request = asked.head ?? `${method} ${path} HTTP/1.1\r\n${rest}`;
  const perl = needsFile(skip, '/usr/bin/perl', 'a client that any user can run');
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, groups.length > 0 ? `--groups=${groups}` : '--clear-groups'];
  const { all } = await execa('setpriv', [...identity, perl, '-e', CLIENT, niwad.socket, request, String(times)], {
    reject: false,
    all: true,
  });
  return all;
}

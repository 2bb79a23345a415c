import { connect } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Destination } from '../network/services/types.js';
import type { Service } from '../protocol/resolved-service.js';

/** For this long after the first try the next one follows at once: most programs that start fast listen within it. */
const EAGER_MS = 5;
const LONGEST_PAUSE_MS = 50;
/** The first packet to a new interface may be lost; the kernel repeats it after a second, a new connection at once. */
const FIRST_PATIENCE_MS = 50;
const LONGEST_PATIENCE_MS = 2000;
/** A program may open its socket for IPv6 after the one for IPv4. */
const IPV6_AFTER_MS = 1000;

/** What is told while an instance is asked, in words. */
export interface Asking {
  /** After each try: what was met. */
  isMissing(what: string): void;
  /** Once, also after the answer: what a user may not expect. */
  warn(what: string): void;
}

/**
 * Waits until an instance answers by each protocol of its service. It is asked by IPv4, and by IPv6 where the service
 * listens by IPv6 alone. Where the service listens by both, IPv4 decides, and IPv6 is asked once, later: many programs
 * listen by IPv4 alone, behind an address `[::]` of which nobody makes use.
 * @param isBound asks the kernel whether the program has a socket at the UDP port; an error counts as "not yet"
 * @returns false where `signal` was aborted before
 */
export async function instanceAnswers(
  { listen }: Pick<Service, 'listen'>,
  { address, address6, port }: Pick<Destination, 'address' | 'address6' | 'port'>,
  isBound: () => Promise<boolean>,
  signal: AbortSignal,
  { isMissing, warn }: Asking,
): Promise<boolean> {
  const protocols = new Set(listen.map(({ protocol }) => protocol));
  const families = new Set(listen.filter(({ protocol }) => protocol === 'tcp').map(({ family }) => family));
  const first = families.has(4) ? address : (address6 ?? address);
  if (protocols.has('tcp') && !(await acceptsConnections(first, port, signal, isMissing))) return false;
  if (families.size === 2 && address6 !== null) void warnWithoutIpv6(address6, port, signal, warn);
  if (!protocols.has('udp')) return true;
  return await hasSocket(isBound, signal, () => isMissing(`no program has a socket at the UDP port ${port}`));
}

async function warnWithoutIpv6(
  address: string,
  port: number,
  signal: AbortSignal,
  warn: Asking['warn'],
): Promise<void> {
  await sleep(IPV6_AFTER_MS, undefined, { signal, ref: false }).catch(() => {});
  if (signal.aborted || (await tryToConnect(address, port, LONGEST_PATIENCE_MS, signal)) === 'accepted') return;
  if (!signal.aborted)
    warn(
      `the program does not answer by IPv6 at port ${port}, so clients of the IPv6 addresses in "listen" are refused: let it listen at [::] too, or leave these addresses out`,
    );
}

/**
 * Waits until a program accepts connections, over the way that requests take: from the host over the bridge.
 * @returns false where `signal` was aborted before
 */
async function acceptsConnections(
  address: string,
  port: number,
  signal: AbortSignal,
  isMissing: (what: string) => void,
): Promise<boolean> {
  const begun = performance.now();
  for (let patience = FIRST_PATIENCE_MS; !signal.aborted; ) {
    const answer = await tryToConnect(address, port, patience, signal);
    if (answer === 'accepted') return true;
    if (!signal.aborted) isMissing(whatWasMet(answer, address, port));
    if (answer === 'silent') patience = Math.min(2 * patience, LONGEST_PATIENCE_MS);
    else await pause(performance.now() - begun, signal);
  }
  return false;
}

/**
 * Waits until a program has a socket at a UDP port. A datagram as a question would reach the program, which may not
 * understand it; so the kernel is asked.
 * @param isBound asks the kernel; an error counts as "not yet"
 * @returns false where `signal` was aborted before
 */
async function hasSocket(
  isBound: () => Promise<boolean>,
  signal: AbortSignal,
  isMissing: () => void,
): Promise<boolean> {
  const begun = performance.now();
  while (!signal.aborted) {
    if (await isBound().catch(() => false)) return true;
    isMissing();
    await pause(performance.now() - begun, signal);
  }
  return false;
}

/** What a try to connect has met; `failed` with the code of another error. */
type Answer = 'accepted' | 'refused' | 'silent' | { failed: string };

function whatWasMet(answer: Answer, address: string, port: number): string {
  const where = `${address.includes(':') ? `[${address}]` : address}:${port} on the bridge`;
  if (answer === 'silent')
    return `no answer from ${where}: a full queue of the program's socket, or a filter, is silent`;
  if (typeof answer === 'object') return `no connection to ${where}: ${answer.failed}`;
  return `connection refused at ${where}: nothing listens there. Does the program listen at its loopback address, or at another port?`;
}

function tryToConnect(host: string, port: number, patienceMs: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: Answer) => {
      clearTimeout(late);
      signal.removeEventListener('abort', giveUp);
      socket.destroy();
      resolve(answer);
    };
    const giveUp = () => end('silent');
    const late = setTimeout(giveUp, patienceMs);
    signal.addEventListener('abort', giveUp, { once: true });
    socket.once('connect', () => end('accepted'));
    socket.once('error', ({ code = 'an unknown error' }: NodeJS.ErrnoException) =>
      end(code === 'ECONNREFUSED' ? 'refused' : { failed: code }),
    );
  });
}

async function pause(elapsedMs: number, signal: AbortSignal): Promise<void> {
  if (elapsedMs < EAGER_MS) await nextTurn();
  else await sleep(Math.min(elapsedMs / 10, LONGEST_PAUSE_MS), undefined, { signal }).catch(() => {});
}

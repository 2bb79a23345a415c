import { constants } from 'node:os';
import { NiwaError } from '../protocol/errors.js';
import { SIGNAL_WORDS } from '../protocol/spec/values.js';
import { show } from './problems.js';

/** The real-time signals, see signal(7). They begin with 34 as in glibc, which uses 32 and 33 itself. */
const SIGRTMIN = 34;
const SIGRTMAX = 64;
/**
 * The last real-time signal whose name counts from SIGRTMIN; later names count from SIGRTMAX, as in a shell's
 * `kill -l`.
 */
const MIDDLE = 49;

/**
 * Gives the number of a signal that is written as `15`, `"15"`, `"TERM"`, `"SIGTERM"`, `"SIGRTMIN+3"`, `"RTMAX-14"` or
 * `"SIG42"`; undefined where there is no such signal.
 */
export function signalNumber(input: number | string): number | undefined {
  const name = String(input).toUpperCase().replace(/^SIG/, '');
  if (/^[0-9]{1,2}$/.test(name)) return Number(name) >= 1 && Number(name) <= SIGRTMAX ? Number(name) : undefined;
  return (constants.signals as Record<string, number>)[`SIG${name}`] ?? realTimeNumber(name);
}

/**
 * Gives the number of a signal that was checked before.
 * @throws NiwaError SPEC_INVALID where there is no such signal
 */
export function knownSignal(input: number | string): number {
  const number = signalNumber(input);
  if (number === undefined)
    throw new NiwaError('SPEC_INVALID', `a signal: found ${show(input)}; allowed: ${SIGNAL_WORDS}`);
  return number;
}

/** Gives the name of a signal, such as `SIGTERM` or `SIGRTMIN+3`; `SIG33` for a signal that has only a number. */
export function signalName(signal: number): string {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return name ?? realTimeName(signal) ?? `SIG${signal}`;
}

function realTimeNumber(name: string): number | undefined {
  if (name === 'RTMIN') return SIGRTMIN;
  if (name === 'RTMAX') return SIGRTMAX;
  const [, end, distance] = /^RT(MIN\+|MAX-)([0-9]{1,2})$/.exec(name) ?? [];
  if (Number(distance) > SIGRTMAX - SIGRTMIN) return undefined;
  if (end === 'MIN+') return SIGRTMIN + Number(distance);
  return end === 'MAX-' ? SIGRTMAX - Number(distance) : undefined;
}

function realTimeName(signal: number): string | undefined {
  if (signal === SIGRTMIN) return 'SIGRTMIN';
  if (signal === SIGRTMAX) return 'SIGRTMAX';
  if (signal < SIGRTMIN || signal > SIGRTMAX) return undefined;
  return signal <= MIDDLE ? `SIGRTMIN+${signal - SIGRTMIN}` : `SIGRTMAX-${SIGRTMAX - signal}`;
}

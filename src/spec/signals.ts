import { constants } from 'node:os';

/**
 * Gives the number of a signal written as `15`, `"15"`, `"TERM"`, `"SIGTERM"` or `"SIG42"`, or undefined where there is
 * none.
 */
export function signalNumber(input: number | string): number | undefined {
  const name = String(input).toUpperCase().replace(/^SIG/, '');
  if (/^[0-9]{1,2}$/.test(name)) return Number(name) >= 1 && Number(name) <= 64 ? Number(name) : undefined;
  return (constants.signals as Record<string, number>)[`SIG${name}`];
}

/** Gives the name of a signal, such as `SIGTERM`; `SIG42` for one without a name of its own. */
export function signalName(signal: number): string {
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `SIG${signal}`;
}

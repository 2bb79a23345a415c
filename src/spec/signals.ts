import { constants } from 'node:os';

/** Gives the number of a signal written as `15`, `"15"`, `"TERM"` or `"SIGTERM"`, or undefined where there is none. */
export function signalNumber(input: number | string): number | undefined {
  const text = String(input).toUpperCase();
  if (/^[0-9]{1,2}$/.test(text)) return Number(text) >= 1 && Number(text) <= 64 ? Number(text) : undefined;
  const name = text.startsWith('SIG') ? text : `SIG${text}`;
  return (constants.signals as Record<string, number>)[name];
}

/** Gives the name of a signal, such as `SIGTERM`; `SIG42` for one without a name of its own. */
export function signalName(signal: number): string {
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `SIG${signal}`;
}

import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { Common } from '../command.js';

/** The values of the options that a function declares, in the form of yargs; each may be missing. */
export type OptionsOf<F extends (yargs: Argv<Common>) => Argv<unknown>> = Partial<
  ReturnType<F> extends Argv<infer O> ? ArgumentsCamelCase<O> : never
>;

/** An option with one value. */
export const text = (describe: string) => ({ type: 'string', describe }) as const;
/** An option that may be repeated. */
export const texts = (describe: string) => ({ type: 'string', array: true, nargs: 1, describe }) as const;
/** An option without a value. */
export const flag = (describe: string) => ({ type: 'boolean', describe }) as const;

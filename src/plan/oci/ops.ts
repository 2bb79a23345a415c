import { op } from '../op.js';
import { quoted, shortened } from '../ops.js';

/** The operations that only the program of an OCI container has. */

/** Sets each set of capabilities to its mask. */
export const capsets = (sets: Record<'effective' | 'permitted' | 'inheritable' | 'ambient', bigint>) =>
  op(
    'capset',
    `set capabilities ${Object.entries(sets)
      .map(([name, mask]) => `${name} 0x${mask.toString(16)}`)
      .join(', ')}`,
    [sets.effective, sets.inheritable, sets.ambient, sets.permitted],
  );

/** Fails where {@link execRaw} would not find the program `name` along the directories of `path`. */
export const findProgram = (name: string, path: string) =>
  op('find_program', `find the program ${quoted(name)}`, [], [name, path]);

/**
 * Executes the workload with an environment of any strings. Where none is `HOME=...`, the boot program sets HOME as
 * `account` found it.
 */
export const execRaw = (args: readonly string[], env: readonly string[]) => {
  const whole = env.some((entry) => entry.startsWith('HOME=')) ? env : [...env, 'HOME=/'];
  const home = whole === env ? 0 : args.length + env.length;
  return op('exec', `exec ${shortened(args.map(quoted).join(' '))}`, [args.length, home, 0], [...args, ...whole]);
};

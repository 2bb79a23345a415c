import { createInterface } from 'node:readline/promises';

/**
 * Asks the user before something is removed. Nobody is asked with --force, or where standard input is no terminal: a
 * script has decided already.
 * @param what is removed: "all ended containers"
 */
export async function isConfirmed(what: string, force: boolean): Promise<boolean> {
  if (force || process.stdin.isTTY !== true) return true;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`This removes ${what}. Go on? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false; // Ctrl-C or Ctrl-D
  } finally {
    asking.close();
  }
}

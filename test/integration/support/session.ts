import type { ClientSession } from '../../../src/client/session.js';
import type { ExecInput } from '../../../src/protocol/exec.js';
import type { SessionExit } from '../../../src/protocol/frames.js';
import type { Niwad } from './niwad.js';

/** What came over a session until its end. */
export interface Collected {
  exit: SessionExit;
  stdout: Buffer;
  stderr: Buffer;
}

/** Reads a session to its end. */
export async function collect(session: ClientSession): Promise<Collected> {
  const pieces = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const output = session.output();
  for (;;) {
    const next = await output.next();
    if (next.done)
      return { exit: next.value, stdout: Buffer.concat(pieces.stdout), stderr: Buffer.concat(pieces.stderr) };
    pieces[next.value.stream].push(next.value.data);
  }
}

/** Reads a session until it has said a text; the rest of its output goes on to be read. Gives all that was said. */
export async function says(output: AsyncGenerator<{ data: Buffer }, SessionExit>, text: string): Promise<string> {
  let said = '';
  while (!said.includes(text)) {
    const next = await output.next();
    if (next.done) throw new Error(`the session ended and said only "${said}", not "${text}"`);
    said += next.value.data.toString();
  }
  return said;
}

/** Runs a line of shell in a container that runs; gives its standard output. */
export async function execSh(
  niwad: Niwad,
  id: string,
  script: string,
  fields: Partial<ExecInput> = {},
): Promise<string> {
  const session = await niwad.client.exec(id, { ...fields, args: ['sh', '-c', script] });
  const { stdout, stderr, exit } = await collect(session);
  if (exit.code !== 0) throw new Error(`it ends with ${JSON.stringify(exit)} and says ${stderr}`);
  return stdout.toString().trimEnd();
}

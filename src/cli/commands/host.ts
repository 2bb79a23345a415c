import type { CommandModule } from 'yargs';
import { NiwaClient } from '../../client/client.js';
import { type Check, canRun, diagnose } from '../../host/doctor.js';
import { readHostFacts } from '../../host/facts.js';
import { version as ownVersion } from '../../version.js';
import { type Common, print } from '../command.js';
import { EXIT } from '../exit-codes.js';

/** The commands that work without a daemon. */

export const doctor: CommandModule<Common, Common> = {
  command: 'doctor',
  describe: 'Show what this host can do; exit 1 if niwad could not run',
  builder: (yargs) => yargs.example('$0 doctor --json', ''),
  handler: async ({ json }) => {
    const checks = diagnose(await readHostFacts());
    print(json, { ok: canRun(checks), checks }, () => checks.map(checkLines).join('\n'));
    process.exitCode = canRun(checks) ? EXIT.ok : EXIT.failed;
  },
};

export const version: CommandModule<Common, Common> = {
  command: 'version',
  describe: 'Show the versions of niwa and of the daemon',
  builder: (yargs) => yargs,
  handler: async ({ socket, json }) => {
    const client = new NiwaClient(socket);
    const daemon = await client.info().then(
      (info) => info.version,
      () => null,
    );
    client.close();
    print(
      json,
      { client: ownVersion, daemon },
      () => `niwa ${ownVersion}\nniwad ${daemon ?? `not running on ${socket}`}`,
    );
  },
};

function checkLines({ name, status, found, meaning, cure }: Check): string {
  const head = `${status.padEnd(7)}  ${name}: ${found}`;
  return status === 'ok'
    ? head
    : [head, `         ${meaning}`, ...(cure === null ? [] : [`         cure: ${cure}`])].join('\n');
}

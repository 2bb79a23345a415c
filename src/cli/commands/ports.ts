import { daemonCommand, print } from '../command.js';
import { portTable } from '../service-text.js';

export const ports = daemonCommand(
  'ports',
  'List the ports of this node that containers and services hold',
  (yargs) => yargs.example('$0 ports', ''),
  async (client, { json }) => {
    const holders = await client.ports();
    print(json, holders, () => portTable(holders));
    return undefined;
  },
);

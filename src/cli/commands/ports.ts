import { daemonCommand, print } from '../command.js';
import { portTable } from '../service-text.js';

export const ports = daemonCommand(
  'ports',
  'Show who holds which port of this node: published ports of containers, and addresses of services',
  (yargs) => yargs.example('$0 ports', ''),
  async (client, { json }) => {
    const holders = await client.ports();
    print(json, holders, () => portTable(holders));
    return undefined;
  },
);

import type { PortHolder } from '../../protocol/services.js';
import { daemonCommand, fail, print, withId } from '../command.js';
import { EXIT } from '../exit-codes.js';
import { portTable } from '../service-text.js';
import { wrong } from '../values.js';

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

export const port = daemonCommand(
  'port <id> [port]',
  'Show the addresses of this node that lead to a container, also through its service',
  (yargs) =>
    withId(yargs)
      .positional('port', { type: 'string', describe: 'only those of this port of the container: PORT or PORT/udp' })
      .example('$0 port web', '')
      .example('$0 port web 80', 'the addresses alone'),
  async (client, { id, port: wanted, json }) => {
    const chosen = wanted === undefined ? null : toContainerPort(wanted);
    const { spec } = await client.inspect(id);
    const name = spec.service?.name;
    const holders = (await client.ports()).filter(
      (one) =>
        (one.kind === 'container' ? one.name === id : one.name === name) && (chosen === null || portOf(one) === chosen),
    );
    if (holders.length === 0 && chosen !== null)
      return fail(new Error(`container ${id} publishes nothing of ${chosen}`), json, () => EXIT.failed);
    print(json, holders, () =>
      holders.map((one) => (chosen === null ? `${portOf(one)} -> ${addressOf(one)}` : addressOf(one))).join('\n'),
    );
    return EXIT.ok;
  },
);

/** Writes the port of the container as Docker does: `80/tcp`. */
function portOf({ target, protocol }: PortHolder): string {
  return `${target}/${protocol}`;
}

function addressOf({ address, family, port }: PortHolder): string {
  const shown = address ?? (family === 6 ? '::' : '0.0.0.0');
  return shown.includes(':') ? `[${shown}]:${port}` : `${shown}:${port}`;
}

function toContainerPort(text: string): string {
  const [, number, protocol = 'tcp'] = /^([0-9]{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  return number === undefined ? wrong('[port]', text, 'PORT, PORT/tcp or PORT/udp') : `${Number(number)}/${protocol}`;
}

// @ts-check
// The data path of services alone, in the network namespace in which it is started: node service-paths.mjs SETTINGS,
// the settings of the network as JSON. It reads calls of ServicePaths from standard input, {"method", "args"} a line,
// and answers each with {"value"} or {"error"}; in between it says {"woken"} with the name of a service.
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { kernel } from '../../../dist/kernel/addon.js';
import { segmentHere } from '../../../dist/network/host.js';
import { Members } from '../../../dist/network/members.js';
import { ServiceAddresses } from '../../../dist/network/services/addresses.js';
import { ServicePaths } from '../../../dist/network/services/paths.js';

const say = (/** @type {object} */ words) => process.stdout.write(`${JSON.stringify(words)}\n`);
const plain = (/** @type {string} */ _, /** @type {unknown} */ value) =>
  value instanceof Map ? Object.fromEntries(value) : value;

kernel.watch(() => {});
const segment = segmentHere(JSON.parse(process.argv[2] ?? ''));
const addresses = new ServiceAddresses();
const members = new Members(segment, addresses);
const log = pino({ level: 'warn' }, pino.destination(2));
/** @type {any} */
const paths = new ServicePaths({ segment, addresses, members, kernel, log, onWake: (woken) => say({ woken }) });

for await (const line of createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line);
  try {
    say({ value: JSON.parse(JSON.stringify((await paths[method](...args)) ?? null, plain)) });
  } catch (error) {
    say({ error: /** @type {any} */ (error).code, message: String(error) });
  }
}
process.exit();

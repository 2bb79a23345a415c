import { pino } from 'pino';
import { expect, it } from 'vitest';
import { kernel } from '../../../src/kernel/addon.js';
import type { Lease } from '../../../src/network/lease.js';
import { Leaving } from '../../../src/network/leaving.js';

it('an error that lasts is logged once, with how many addresses wait', async () => {
  const lines: object[] = [];
  const log = pino({}, { write: (line) => lines.push(JSON.parse(line)) });
  const freed: Lease[] = [];
  const leaving = new Leaving(kernel, log, (lease) => freed.push(lease));
  for (const address of ['no address', 'none either'])
    leaving.add({ address, address6: null, bridge: '', device: '', mac: '', hostMac: '' });
  for (let i = 0; i < 3; i++) await leaving.flush();
  expect(lines).toMatchObject([{ errno: 'EBADMSG', addresses: 2, first: 'no address' }]);
  expect(freed).toEqual([]);
});

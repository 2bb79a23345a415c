import { randomBytes } from 'node:crypto';
import type { Stock } from '../pools/stock.js';
import { templateSpec } from '../spec/service-template.js';
import type { Declaration } from './store.js';

const RANDOM_ID_BYTES = 3;

/**
 * Lets a stock have ready what a service declares. Another template, and other rights, make another wish.
 * @param isTaken whether an id is that of an instance or a container
 */
export function wantAhead(
  stock: Stock,
  { service, caller, revision, isRemoved }: Declaration,
  isTaken: (id: string) => boolean,
): void {
  const { uid, gid, role, isListed = false } = caller;
  const { wish } = stock;
  const { name } = service;
  const isSame = wish?.service?.revision === revision && wish.caller.uid === uid && wish.isListed === isListed;
  const made = {
    ...{ caller: { uid, gid, role }, isListed, service: { name, revision } },
    newId: () => freeId(name, isTaken),
    specOf: (id: string) => templateSpec(service, id),
  };
  stock.want(isRemoved ? 0 : service.ahead, isSame ? wish : made);
}

function freeId(name: string, isTaken: (id: string) => boolean): string {
  for (;;) {
    const id = `${name}-${randomBytes(RANDOM_ID_BYTES).toString('hex')}`;
    if (!isTaken(id)) return id;
  }
}

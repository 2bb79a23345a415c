import { describe, expect, it } from 'vitest';
import type { Frame } from '../../../src/kernel/births.js';
import type { CreateRequest } from '../../../src/kernel/containers.js';
import { birthBy } from '../../../src/oci/birth.js';
import type { Connection } from '../../../src/oci/connection.js';
import { FRAME } from '../../../src/oci/messages.js';
import { NAMESPACE_FLAGS } from '../../../src/plan/namespaces.js';

const { mount, network } = NAMESPACE_FLAGS;
const BOOT = 11;
const GROUP = 12;
const NETWORK = 13;

/** What the command is sent for a container with these namespaces, where this network namespace is ready. */
async function sent(namespaces: number, ready: number) {
  const frames: { flags: bigint; body: string; descriptors: readonly number[] }[] = [];
  const connection = {
    send: (_: number, body: Buffer, descriptors: readonly number[]) =>
      frames.push({ flags: body.readBigUInt64LE(0), body: body.toString('latin1'), descriptors }),
    next: async (): Promise<Frame> => ({
      ...{ connection: 1, closed: false, kind: FRAME.born, body: Buffer.alloc(0), descriptors: [21, 22] },
    }),
  };
  let taken = 0;
  const births = {
    prepare: async () => ({ boot: BOOT, group: GROUP, mountUserns: [] }),
    take: async () => 99,
    undo: async () => {},
    takeNetwork: () => {
      taken++;
      return ready;
    },
  };
  const birth = birthBy(connection as unknown as Connection, births, undefined as never, async () => {});
  const template = { namespaces, lateWrites: [] };
  const request = { handle: 1, template, program: new Uint8Array() } as unknown as CreateRequest;
  expect(await birth.bear(request)).toBe(99);
  return { ...frames[0], taken };
}

describe('a network namespace that was made ahead', () => {
  it('is given to the command, which then makes none', async () => {
    const { flags, body, descriptors } = await sent(mount | network, NETWORK);
    expect([flags, descriptors]).toEqual([BigInt(mount), [BOOT, GROUP, NETWORK]]);
    expect(body).toContain('network=');
  });

  it('is made by the command where none is ready', async () => {
    const { flags, body, descriptors } = await sent(mount | network, -1);
    expect([flags, descriptors]).toEqual([BigInt(mount | network), [BOOT, GROUP]]);
    expect(body).not.toContain('network=');
  });

  it('is not taken for a container that has none of its own', async () => {
    expect(await sent(mount, NETWORK)).toMatchObject({ taken: 0, descriptors: [BOOT, GROUP] });
  });
});

import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { EventLog } from '../../../src/containers/events/event-log.js';
import { Registry } from '../../../src/containers/registry.js';
import type { Container } from '../../../src/engine/container.js';

const registryOf = () => new Registry({} as EventLog, pino({ enabled: false })); // nothing is told here

/** The part of a container that a registry looks at. */
const containerOf = (id: string, service: string | null = null) =>
  ({ id, handle: 0, state: 'exited', spec: { service: service && { name: service } } }) as unknown as Container;

describe('surplus', () => {
  it('gives the first to have ended of those that are too many', () => {
    const registry = registryOf();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => containerOf(id)) as [
      Container,
      Container,
      Container,
      Container,
    ];
    for (const container of [a, b, c, d]) registry.add(container);
    for (const container of [c, a, d]) registry.retire(container);
    expect(registry.surplus(3, 0)).toEqual([]);
    expect(registry.surplus(1, 0)).toEqual([c, a]);
    registry.remove(c);
    expect(registry.surplus(1, 0)).toEqual([a]);
    expect(registry.surplus(0, 0)).toEqual([a, d]);
  });

  it('counts those of each service apart', () => {
    const registry = registryOf();
    const alone = containerOf('alone');
    const [a, b, c] = ['a', 'b', 'c'].map((id) => containerOf(id, id === 'c' ? 'blog' : 'shop'));
    for (const container of [alone, a, b, c] as Container[]) registry.add(container);
    for (const container of [a, alone, b, c] as Container[]) registry.retire(container);
    expect(registry.surplus(1, 1)).toEqual([a]);
    expect(registry.surplus(0, 2)).toEqual([alone]);
  });
});

describe('live', () => {
  it('gives those that have neither ended nor been removed', () => {
    const registry = registryOf();
    const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ ...containerOf(id), state: 'running' })) as [
      Container,
      Container,
      Container,
    ];
    for (const container of [a, b, c]) registry.add(container);
    registry.retire(b);
    expect(registry.live()).toEqual([a, c]);
    registry.remove(a);
    expect(registry.live()).toEqual([c]);
  });
});

describe('liveHandle', () => {
  it('gives none of a container that the kernel does not know, though its end is not recorded yet', () => {
    const registry = registryOf();
    registry.add({ ...containerOf('a'), handle: 7, state: 'running' } as Container);
    registry.add({ ...containerOf('b'), state: 'stopping' } as Container);
    expect(registry.liveHandle('a')).toBe(7);
    expect(() => registry.liveHandle('b')).toThrow('container b has exited: its network is gone');
  });
});

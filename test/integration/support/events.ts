import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, vi } from 'vitest';
import type { EventLine } from '../../../src/protocol/events.js';
import { PATIENCE } from './host.js';
import type { Niwad } from './niwad.js';

async function ask({ socket }: Niwad, query: string, headers = {}): Promise<IncomingMessage> {
  const asked = request({ socketPath: socket, path: `/v1/events?${query}`, headers }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`HTTP ${response.statusCode}`);
  return response;
}

/** The number of the last event. */
export async function lastEvent(niwad: Niwad): Promise<number> {
  const response = await ask(niwad, '');
  response.destroy();
  return Number(response.headers['niwa-after']);
}

/** Waits until the last event is on disk, so that a kill of niwad does not lose it. */
export async function eventsStored(niwad: Niwad): Promise<void> {
  const last = await lastEvent(niwad);
  const directory = join(niwad.place.stateDir, 'events');
  const stored = () => readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
  await vi.waitFor(() => expect(stored().join('')).toContain(`"seq":${last},`), PATIENCE);
}

/** All that has been told up to now, as far as it is kept, gaps included. */
export async function toldSoFar(niwad: Niwad, after = 0): Promise<EventLine[]> {
  const last = await lastEvent(niwad);
  if (last <= after) return [];
  return until(await ask(niwad, `after=${after}`), (line) => (line.type === 'gap' ? line.to : line.seq) >= last);
}

/** The first lines that a query gives. */
export async function take(niwad: Niwad, query: string, count: number, headers = {}): Promise<EventLine[]> {
  let taken = 0;
  return until(await ask(niwad, query, headers), () => ++taken === count);
}

async function until(response: IncomingMessage, isLast: (line: EventLine) => boolean): Promise<EventLine[]> {
  const told: EventLine[] = [];
  for await (const text of createInterface({ input: response })) {
    const line = JSON.parse(text) as EventLine;
    told.push(line);
    if (isLast(line)) break;
  }
  response.destroy();
  return told;
}

/** The words of events in short: their types, and of which container. */
export function inShort(told: readonly EventLine[]): string[] {
  return told.map((line) => (line.type === 'gap' ? `gap ${line.from}-${line.to}` : `${line.type} ${line.id}`));
}

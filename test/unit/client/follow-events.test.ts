import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { NiwaClient } from '../../../src/client/client.js';

test('a client that is closed before it asks for events again does not ask again', async () => {
  const place = mkdtempSync(join(tmpdir(), 'niwa-client-'));
  const socket = join(place, 'socket');
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.setHeader('niwa-after', '0');
    response.end('{"seq":1,"type":"create","id":"a"}\n'); // the stream ends, as with the end of a niwad
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    rmSync(place, { recursive: true });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));

  const client = new NiwaClient(socket);
  const events = client.events();
  expect((await events.next()).value).toMatchObject({ seq: 1 });
  const next = events.next();
  const outcome = expect(next).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  await sleep(50);
  client.close();
  await outcome;
  expect(asked).toBe(1);
});

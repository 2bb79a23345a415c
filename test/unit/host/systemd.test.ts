import { expect, test, vi } from 'vitest';
import { BusConnection } from '../../../src/host/dbus/connection.js';
import { changeUnit, isAway, nameIsTaken, requestDeadline, startUnit } from '../../../src/host/systemd.js';
import { message, OK, peer } from './dbus/peer.js';

const MANAGER = 'org.freedesktop.systemd1.Manager';
const JOB = '/org/freedesktop/systemd1/job/7';
const answer = message(2, [[5, 'u', 1]], 'o', [JOB]);
const removed = (result: string) =>
  message(4, [[2, 's', MANAGER], [3, 's', 'JobRemoved']], 'uoss', [7, JOB, 'a.scope', result]); // biome-ignore format: one line

/** Lets a peer say what systemd would say to the next start; resolves when it has ended the connection after that. */
async function systemdThatSays(...messages: Buffer[]): Promise<{ ended: Promise<void> }> {
  const path = await peer(OK, (socket) => socket.end(Buffer.concat(messages)));
  const open = BusConnection.open;
  const ended = new Promise<void>((resolve) => {
    vi.spyOn(BusConnection, 'open').mockImplementationOnce(async (_, deadlineMs) => {
      const systemd = await open(path, deadlineMs);
      systemd.listen((heard) => heard instanceof Error && resolve());
      return systemd;
    });
  });
  return { ended };
}

test('a start has the result of its job, also one told before its name, and a new connection where one has ended', async () => {
  const first = await systemdThatSays(answer, removed('done'));
  await startUnit('a.scope', [], requestDeadline());
  await first.ended;
  const second = await systemdThatSays(removed('failed'), answer);
  const failed = 'systemd did not make a.scope: its job has ended with "failed"';
  const error = await startUnit('a.scope', [], requestDeadline()).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: 'HOST_ERROR', message: failed });
  expect([isAway(error), nameIsTaken(error)]).toEqual([false, false]);
  await second.ended;
});

test('a start fails at once with the reason where the connection ends before its job', async () => {
  await systemdThatSays(answer);
  const ended = 'systemd did not make a.scope: the other end has closed the connection';
  const error = await startUnit('a.scope', [], requestDeadline()).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: 'HOST_ERROR', message: ended });
  expect(isAway(error)).toBe(true);
});

test('one deadline is for the answer and the end of the job', async () => {
  const slowMs = 300;
  const path = await peer(OK, (socket) => void setTimeout(() => socket.write(answer), slowMs));
  const open = BusConnection.open;
  vi.spyOn(BusConnection, 'open').mockImplementationOnce((_, deadlineMs) => open(path, deadlineMs));
  const begin = performance.now();
  const error = await startUnit('a.scope', [], begin + 2 * slowMs).catch((error: unknown) => error);
  const message = 'systemd did not make a.scope: it has not told the end of its job in time';
  expect(error).toMatchObject({ code: 'HOST_ERROR', message });
  expect(performance.now() - begin).toBeLessThan(4 * slowMs);
});

test('a change is asked for again where systemd went away', async () => {
  const first = await systemdThatSays();
  await systemdThatSays(message(2, [[5, 'u', 1]], '', []));
  await changeUnit('a.scope', []);
  await first.ended;
});

// Technique: niwad follows links as root. A caller who may name paths below an allowed directory puts links there that
// lead through directories of root's, or to /proc/PID/exe of root's processes, and reads in the refusal where they
// lead, or whether anything is there.
import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect } from 'vitest';
import { makePlace, Niwad, removePlace } from '../integration/support/niwad.js';
import { GROUP } from '../integration/support/test.js';
import { asUser } from '../integration/support/user.js';
import { test } from './attack.js';

const place = makePlace();
const at = (...names: string[]) => join(place.files, ...names);
const caller = { uid: 1237, gid: GROUP };
let niwad: Niwad;

beforeAll(async () => {
  mkdirSync(at('private'), { mode: 0o700 });
  mkdirSync(at('private', 'customer-4711'));
  symlinkSync('customer-4711', at('private', 'current'));
  for (const name of ['real', 'allowed']) mkdirSync(at(name));
  chmodSync(at('allowed'), 0o777);
  symlinkSync(at('allowed'), at('link-to-allowed'));
  const allow = { sources: [at('allowed'), at('link-to-real')] };
  symlinkSync(at('real'), at('link-to-real'));
  writeFileSync(place.config, JSON.stringify({ group: GROUP, allow }));
  niwad = await Niwad.start(place);
});

afterAll(async () => {
  await niwad.stop();
  await removePlace(place);
});

const lead = async (name: string, target: string) => {
  symlinkSync(target, at('allowed', name));
  const asCaller = ['setpriv', `--reuid=${caller.uid}`, `--regid=${caller.gid}`, '--clear-groups'];
  const { exitCode } = await execa(asCaller[0] ?? '', [...asCaller.slice(1), 'realpath', '-e', at('allowed', name)], {
    reject: false,
  });
  return exitCode;
};

test('resolved links: a refusal says what the caller has written, and nothing of what root can see', async ({
  skip,
}) => {
  const ask = (source: string) =>
    asUser(niwad, skip, caller, {
      method: 'POST',
      path: '/v1/containers?wait=true',
      body: { process: { args: ['true'] }, mounts: [{ type: 'bind', source, target: '/mnt' }] },
    });
  const tries = { secret: at('private', 'current'), exe: `/proc/${niwad.pid}/exe`, 'ssh-key': '/root/../etc/shadow' };
  for (const [name, target] of Object.entries(tries)) {
    const exitCode = await lead(name, target);
    const real = realpathSync(at('allowed', name)); // the control: root sees where it leads, the caller does not
    if (name !== 'ssh-key') expect(exitCode).toBe(1);
    const answer = await ask(at('allowed', name));
    expect(answer).toContain('403 Forbidden');
    expect(answer).toContain(`\\"${at('allowed', name)}\\"`);
    expect(answer).not.toContain(real);
    expect(answer).not.toContain(at('real'));
  }

  // Nor does it say whether something is there.
  await lead('there', at('private', 'customer-4711'));
  await lead('nowhere', at('private', 'customer-4712'));
  const bodyOf = async (name: string) =>
    (await ask(at('allowed', name))).split('\r\n\r\n')[1]?.replaceAll(name, 'NAME');
  expect(await bodyOf('there')).toBe(await bodyOf('nowhere'));

  // Nor by a way that goes through what only root can see, and comes back.
  mkdirSync(at('allowed', 'data'));
  const back = (...through: string[]) => `${at('private', ...through)}${'/..'.repeat(30)}${at('allowed', 'data')}`;
  const ways = { way: ['customer-4711'], 'no-way': ['customer-4712'], 'by-link': ['current'], 'by-none': ['other'] };
  for (const [name, through] of Object.entries(ways)) symlinkSync(back(...through), at('allowed', name));
  // the control: for root one comes back, the other not
  expect(realpathSync(at('allowed', 'way'))).toBe(at('allowed', 'data'));
  expect(() => realpathSync(at('allowed', 'no-way'))).toThrow('ENOENT');
  const answers = await Promise.all(Object.keys(ways).map((name) => bodyOf(name)));
  expect(new Set(answers).size).toBe(1);
  expect(answers[0]).toContain('FORBIDDEN');
  symlinkSync(at('real'), at('allowed', 'to-another')); // from one allowed directory to another
  expect(await ask(at('allowed', 'to-another'))).toContain('201 Created');

  // An allowed directory that is a link goes on working, by both of its names; ".." is followed nowhere.
  for (const source of [at('link-to-real'), at('real')]) expect(await ask(source)).toContain('201 Created');
  expect(await ask(`${at('allowed')}/../private`)).toContain('403 Forbidden');
  expect(await ask(at('link-to-allowed'))).toContain('403 Forbidden');
});

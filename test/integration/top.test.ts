import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { execa } from 'execa';
import { expect, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { PATIENCE } from './support/host.js';
import { isAlive, NIWA, type Niwad } from './support/niwad.js';
import { test } from './support/test.js';
import { cleanUpTerminals, Tmux } from './support/tmux.js';

cleanUpDaemons();
cleanUpTerminals();

/** Takes away what a test before has left, which would be in every picture. */
async function clear({ client }: Niwad) {
  await Promise.all((await client.list()).map(({ id }) => client.remove(id, { force: true })));
}

const busy = { args: ['sh', '-c', 'while :; do :; done'] };
const idle = { args: ['sleep', '1000'] };

/** Opens a terminal in which top runs. */
async function openTop(niwad: Niwad) {
  const tmux = new Tmux(80, 24, { NIWA_SOCKET: niwad.socket });
  const files = niwad.place.directory;
  await tmux.shows(/^\$/m);
  tmux.type(`stty -a > ${files}/before; echo my screen; ${NIWA} top`);
  await tmux.shows(/^niwa top /m);
  return tmux;
}

/** Waits until top has ended with this status; expects that the terminal is as it was before. */
async function expectGivenBack(tmux: Tmux, niwad: Niwad, status: number) {
  const files = niwad.place.directory;
  await vi.waitFor(() => expect(tmux.state('alternate_on')).toBe('0'), PATIENCE);
  tmux.type(`echo "ended $?"; stty -a > ${files}/after; echo looked`);
  const screen = await tmux.shows(/^looked$/m);
  expect(screen.join('\n')).toMatch(new RegExp(`^my screen\n[^]*^ended ${status}$`, 'm'));
  expect([tmux.state('cursor_flag'), tmux.state('wrap_flag')]).toEqual(['1', '1']);
  const [before, after] = ['before', 'after'].map((name) =>
    readFileSync(`${files}/${name}`, 'utf8').replace(/rows \d+; columns \d+/, ''),
  );
  expect(after).toBe(before);
}

/** The ids in the table, from above. */
function idsOn(screen: string[]): string[] {
  const headings = screen.findIndex((line) => line.startsWith('ID '));
  return screen
    .slice(headings + 1)
    .map((line) => line.split(' ')[0] ?? '')
    .filter((id) => id.startsWith('top-'));
}

async function topPid(tmux: Tmux): Promise<number> {
  const { stdout } = await execa('pgrep', ['-P', tmux.state('pane_pid')]);
  return Number(stdout);
}

test('shows containers on 80 columns, sorts and filters by keys, and gives the screen back', async ({ niwad }) => {
  await niwad.start({ id: 'top-busy', process: busy, owner: 'alice', lifetime: '2h' });
  await niwad.start({ id: 'top-idle', process: idle, owner: 'bob', labels: { tier: 'front' }, lifetime: '10m' });
  await niwad.client.create({ id: 'top-made', process: idle });
  const tmux = await openTop(niwad);
  const screen = await tmux.shows(/2 running, 1 created[\s\S]*^top-busy .* 1h59m[\s\S]*^q quit/m);
  expect(screen[0]).toMatch(/^niwa top {2}\S+ {2}niwad \d+\.\d+\.\d+ +\d\d:\d\d:\d\d$/);
  expect(screen[2]).toMatch(/^cpu [\d.]+% of \d+% {2}memory \S+ of \S+ {2}rd\/s \S+ {2}wr\/s \S+/);
  expect(screen[3]).toMatch(/^ID +S CPU%\/MAX THR% .*TREND +MEM\/MAX RD\/s WR\/s PSI.* +LEFT/);
  expect(screen[23]).toMatch(/^q quit .* sort: cminptla$/);
  expect(idsOn(screen)[0]).toBe('top-busy');
  expect(screen.find((line) => line.startsWith('top-busy'))).toMatch(/^top-busy +R +\d/);
  expect(screen.find((line) => line.startsWith('top-made'))).toMatch(/^top-made +C /);
  expect([tmux.state('alternate_on'), tmux.state('cursor_flag')]).toEqual(['1', '0']);

  tmux.press('l');
  await vi.waitFor(() => expect(idsOn(tmux.screen())).toEqual(['top-idle', 'top-busy', 'top-made']), PATIENCE);
  tmux.press('a');
  await vi.waitFor(() => expect(idsOn(tmux.screen())).toEqual(['top-busy', 'top-idle', 'top-made']), PATIENCE);
  tmux.press('r');
  await vi.waitFor(() => expect(idsOn(tmux.screen())).toEqual(['top-made', 'top-idle', 'top-busy']), PATIENCE);

  tmux.press('/', 'F', 'R', 'o', 'n');
  await vi.waitFor(() => expect(idsOn(tmux.screen())).toEqual(['top-idle']), PATIENCE);
  await tmux.shows(/^filter: FRon/m);
  tmux.press('Escape');
  await vi.waitFor(() => expect(idsOn(tmux.screen())).toHaveLength(3), PATIENCE);

  tmux.press('a', 'Home', 'Enter');
  const details = await tmux.shows(/^top-busy {2}running {2}pid \d+/m);
  expect(details.join('\n')).toMatch(/owner {4}alice[\s\S]*limits {3}none[\s\S]*^cpu [\d.]+%$[\s\S]*█/m);
  tmux.press('Escape');
  await tmux.shows(/^ID +S /m);
  tmux.press('h');
  await tmux.shows(/THR% +part of the time/);
  tmux.press('h');
  await tmux.shows(/^ID +S /m);

  tmux.resize(120, 30);
  await tmux.shows(/^ID .* OWNER/m);
  await vi.waitFor(() => expect(tmux.screen()[29]).toMatch(/^q quit/), PATIENCE);

  tmux.press('q');
  await expectGivenBack(tmux, niwad, 0);
});

test('shows for a while what has ended, and holds the picture', async ({ niwad }) => {
  await clear(niwad);
  await niwad.start({ id: 'top-short', process: idle });
  const tmux = await openTop(niwad);
  await tmux.shows(/^top-short /m);
  tmux.press('Space');
  await tmux.shows(/PAUSED/);
  await niwad.start({ id: 'top-later', process: idle });
  await new Promise((resolve) => setTimeout(resolve, 500)); // five readings
  expect(idsOn(tmux.screen())).toEqual(['top-short']);
  tmux.press('Space');
  await tmux.shows(/^top-later /m);
  await niwad.client.stop('top-short', { timeout: 0 });
  await tmux.shows(/^top-short +stopped .* ended/m);
  await vi.waitFor(() => expect(idsOn(tmux.screen())).toEqual(['top-later']), PATIENCE);
});

test.for(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
  'gives the screen back when it is ended by %s',
  async (signal, { niwad }) => {
    const tmux = await openTop(niwad);
    process.kill(await topPid(tmux), signal);
    await expectGivenBack(tmux, niwad, 128 + constants.signals[signal]);
  },
);

test('gives the screen back while it is suspended', async ({ niwad }) => {
  await clear(niwad);
  const tmux = await openTop(niwad);
  tmux.press('C-z');
  await tmux.shows(/Stopped[\s\S]*\$ *$/m);
  expect([tmux.state('alternate_on'), tmux.state('cursor_flag')]).toEqual(['0', '1']);
  tmux.type('echo typed');
  await tmux.shows(/^typed$/m);
  tmux.type('fg');
  await tmux.shows(/^niwa top /m);
  expect(tmux.state('alternate_on')).toBe('1');
  tmux.press('q');
  await vi.waitFor(() => expect(tmux.state('alternate_on')).toBe('0'), PATIENCE);
});

test('ends when its terminal goes', async ({ niwad }) => {
  await clear(niwad);
  const tmux = await openTop(niwad);
  const pid = await topPid(tmux);
  tmux.end();
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), PATIENCE);
});

test('waits for a daemon that is restarted', async () => {
  const place = newPlace({ sampleIntervalMs: 100 });
  const first = await startDaemon(place);
  await first.start({ id: 'top-survives', process: busy });
  const tmux = await openTop(first);
  await tmux.shows(/^top-survives /m);
  await first.stop();
  const away = await tmux.shows(/niwad has not answered for \d+s: trying again/);
  expect(idsOn(away)).toEqual(['top-survives']);
  await startDaemon(place);
  await tmux.shows(/^1 container: 1 running/m);
  tmux.press('q');
  await expectGivenBack(tmux, first, 0);
});

test('prints text where it is no terminal, or is asked to', async ({ niwad }) => {
  await clear(niwad);
  await niwad.start({ id: 'top-piped', process: busy, owner: 'alice', lifetime: '1h' });
  await niwad.start({ id: 'top-other', process: idle });
  const rated = async () => expect((await niwad.client.stats('top-piped')).rates).not.toBeNull();
  await vi.waitFor(rated, PATIENCE);
  const [piped, two, json, wrong] = await Promise.all([
    niwad.cli('top'),
    niwad.cli('top', '-n', '2', '--sort', 'id', '--filter', 'ALICE'),
    niwad.cli('top', '--json', '--sort', 'id', '-r'),
    niwad.cli('top', '--sort', 'colour'),
  ]);
  expect(piped.exitCode).toBe(0);
  expect(piped.stdout.split('\n')).toEqual([
    expect.stringMatching(/^niwa top /),
    expect.stringMatching(/^2 containers: 2 running/),
    expect.stringMatching(/^cpu /),
    expect.stringMatching(/^ID +STATE +CPU%\/MAX THR% +MEM\/MAX RD\/s WR\/s PSI c\/m\/i +LEFT OWNER COMMAND$/),
    expect.stringMatching(/^top-piped +running +\d.* 59m\d\ds alice sh -c while :; do :; done$/),
    expect.stringMatching(/^top-other +running .* - {5}sleep 1000$/),
  ]);
  expect(piped.stdout).not.toContain('\x1b');
  expect(two.stdout.match(/^top-piped /gm)).toHaveLength(2);
  expect(two.stdout).not.toContain('top-other');
  expect(JSON.parse(json.stdout)).toMatchObject([
    { id: 'top-piped', owner: 'alice', cpu: expect.any(Number), left_ms: expect.any(Number) },
    { id: 'top-other', owner: null, left_ms: null },
  ]);
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining('sort')]);

  const tmux = new Tmux(200, 24, { NIWA_SOCKET: niwad.socket, TERM: 'dumb' });
  tmux.type(`${NIWA} top; echo "ended $?"`);
  expect((await tmux.shows(/^ended 0$/m)).join('\n')).toMatch(/^top-piped +running/m);
});

test('is an error where no daemon answers', async ({ niwad }) => {
  await clear(niwad);
  const tmux = new Tmux(200, 24, { NIWA_SOCKET: `${niwad.place.directory}/nobody.sock` });
  tmux.type(`${NIWA} top; echo "ended $?"`);
  expect((await tmux.shows(/^ended 1$/m)).join('\n')).toContain('niwa: cannot reach niwad');
});

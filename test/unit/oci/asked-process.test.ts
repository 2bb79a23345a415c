import { describe, expect, it } from 'vitest';
import { askedProcess } from '../../../src/oci/asked-process.js';
import { Call } from '../../../src/oci/options.js';
import type { OciProcess } from '../../../src/plan/oci/config.js';

const OWN: OciProcess = {
  terminal: true,
  user: { uid: 1, gid: 2, additionalGids: [3] },
  args: ['init'],
  env: ['PATH=/bin', 'A=own'],
  cwd: '/own',
  capabilities: { bounding: ['CAP_KILL'], permitted: ['CAP_KILL'] },
  rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1, hard: 18446744073709551615n }],
  noNewPrivileges: true,
};
const asked = (values: Record<string, string[]>) =>
  askedProcess(new Call({ verb: 'exec', values: new Map(Object.entries(values)) }), OWN);
const FILE = { user: { uid: 5, gid: 6 }, args: ['sh'], cwd: '/' };
const byFile = (change: object, values: Record<string, string[]> = {}) =>
  asked({ argument: ['id'], process: [JSON.stringify({ ...FILE, ...change })], ...values });

describe('an exec with options', () => {
  it('has the process of the container, with another program and without its terminal', () => {
    expect(asked({ argument: ['id', 'sh', '-c', 'x'] })).toEqual({ ...OWN, args: ['sh', '-c', 'x'], terminal: false });
  });

  it('changes what its options say', () => {
    const process = asked({
      argument: ['id', 'sh'],
      env: ['A=new', 'B=='],
      cwd: ['/new'],
      user: ['7:8'],
      'additional-gids': ['9', '10,11'],
      cap: ['CAP_CHOWN', 'fowner'],
      tty: ['true'],
      'no-new-privs': ['false'],
    });
    expect(process).toEqual({
      ...OWN,
      args: ['sh'],
      env: ['PATH=/bin', 'A=new', 'B=='],
      cwd: '/new',
      user: { uid: 7, gid: 8, additionalGids: [3, 9, 10, 11] },
      capabilities: {
        bounding: ['CAP_KILL', 'CAP_CHOWN', 'CAP_FOWNER'],
        effective: ['CAP_CHOWN', 'CAP_FOWNER'],
        permitted: ['CAP_KILL', 'CAP_CHOWN', 'CAP_FOWNER'],
      },
      noNewPrivileges: false,
    });
  });

  it('keeps the group of the container where only a user is named', () => {
    expect(asked({ argument: ['id', 'sh'], user: ['0'] }).user).toEqual({ uid: 0, gid: 2, additionalGids: [3] });
  });

  it.each([
    [{}, 'exec needs a program'],
    [{ argument: ['id', 'sh'], user: ['root'] }, 'exec --user "root": write UID or UID:GID in numbers'],
    [{ argument: ['id', 'sh'], user: ['4294967295'] }, 'process.user.uid: it has to be from 0 to 4294967294'],
    [{ argument: ['id', 'sh'], 'additional-gids': ['x'] }, 'exec --additional-gids "x": write numbers'],
    [{ argument: ['id', 'sh'], env: ['A'] }, 'exec --env "A": write NAME=VALUE'],
    [{ argument: ['id', 'sh'], cap: ['ALL'] }, 'exec --cap "ALL": no such capability'],
    [{ argument: ['id', 'sh'], cwd: ['tmp'] }, 'process.cwd: it has to be an absolute path'],
  ])('is refused with %j', (values, words) => {
    expect(() => asked(values as Record<string, string[]>)).toThrow(words);
  });
});

describe('an exec with a file', () => {
  it('has what the file says, and the rights of the container where it says none', () => {
    const { capabilities, rlimits } = OWN;
    expect(byFile({ rlimits: [] })).toEqual({ ...FILE, capabilities, rlimits });
    expect(byFile({ capabilities: {}, oomScoreAdj: 5 }, { tty: ['true'] })).toEqual({
      ...FILE,
      ...{ capabilities: {}, rlimits, oomScoreAdj: 5, terminal: true },
    });
  });

  it('is refused by the name of a field that is not honoured, and beside options that the file replaces', () => {
    expect(() => byFile({ commandLine: 'x' })).toThrow('process.commandLine: niwa-oci does not support it');
    expect(() => byFile({ args: [] })).toThrow('process.args: it is missing');
    expect(() => byFile({}, { env: ['A=b'] })).toThrow('exec --env has no effect beside --process');
    expect(() => byFile({}, { argument: ['id', 'sh'] })).toThrow('exec --process takes the program from the file');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idInside, idMaps, mapFile, mapText, mountMaps, mountMapText } from '../../../src/plan/userns.js';
import { specOf } from '../support.js';

const range = { start: 200_000, size: 65_536 };
const uids = [
  { container: 0, host: 1000, size: 1 },
  { container: 1, host: 100_000, size: 999 },
];
const gids = [{ container: 5, host: 7, size: 10 }];
const process = { args: ['a'], user: '0:5' };

describe('the maps of a user namespace', () => {
  it('are the range of the container by default', () => {
    const map = [{ container: 0, host: 200_000, size: 65_536 }];
    expect(idMaps(specOf(), range)).toEqual({ uids: map, gids: map });
  });

  it('are those of the spec where it has some', () => {
    expect(idMaps(specOf({ process, userns: { uids, gids } }), range)).toEqual({ uids, gids });
  });

  it("are none in the host's", () => {
    expect(idMaps(specOf({ userns: 'host' }), range)).toBeNull();
  });

  it('are lines of three numbers in the file of the kernel', () => {
    expect(mapFile(uids)).toBe('0 1000 1\n1 100000 999\n');
  });

  it('are told in words, once where both are the same', () => {
    expect(mapText({ uids: gids, gids })).toBe('new user namespace: uids and gids 5-14 to 7-16');
    expect(mapText({ uids, gids })).toBe(
      'new user namespace: uids 0-0 to 1000-1000, 1-999 to 100000-100998; gids 5-14 to 7-16',
    );
  });

  it('are entered as root where they have one, else as the user', () => {
    expect(idInside(uids, 7)).toBe(0);
    expect(idInside([...uids].reverse(), 7)).toBe(0);
    expect(idInside(gids, 7)).toBe(7);
  });

  it('give each id of the container one of its own range', () => {
    fc.assert(
      fc.property(fc.nat({ max: 30_000 }), (slot) => {
        const start = 65_536 * (slot + 1);
        const [map] = idMaps(specOf(), { start, size: 65_536 })?.uids ?? [];
        expect(map).toEqual({ container: 0, host: start, size: 65_536 });
      }),
    );
  });
});

describe('the maps of mounts', () => {
  const idmap = {
    uids: [{ container: 33, host: 10_050, size: 2 }],
    gids: [{ container: 0, host: 5, size: 1 }],
  };
  const bind = { type: 'bind' as const, source: '/a', target: '/b' };
  const spec = specOf({ mounts: [bind, { ...bind, idmap }, { ...bind, idmap }] });

  it('lead from ids on disk to ids of the host, each once', () => {
    const maps = idMaps(spec, { start: 200_000, size: 65_536 });
    const [map, ...others] = mountMaps(spec, maps);
    expect(others).toEqual([]);
    expect(map).toEqual({
      uids: [{ container: 10_050, host: 200_033, size: 2 }],
      gids: [{ container: 5, host: 200_000, size: 1 }],
    });
    expect(map && mountMapText(map)).toBe(
      'id map of a volume: uids on disk 10050-10051 to 200033-200034; gids 5-5 to 200000-200000',
    );
  });

  it("lead to the container's own ids, where those are the host's", () => {
    expect(mountMaps(spec, null)[0]?.uids).toEqual([{ container: 10_050, host: 33, size: 2 }]);
  });
});

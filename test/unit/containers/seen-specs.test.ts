import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../../src/access/allowed.js';
import { SeenSpecs } from '../../../src/containers/seen-specs.js';
import { NiwaError } from '../../../src/protocol/errors.js';
import type { ImageDefaults } from '../../../src/spec/image.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { nearSpecInputs, specInputs } from '../arbitrary.js';
import { refusal } from '../support.js';

const ALICE = { uid: 1000, gid: 1000, role: 'full' } as const;
const image: ImageDefaults = {
  name: 'app:1',
  id: `sha256:${'a'.repeat(64)}`,
  layers: ['/layers/b', '/layers/a'],
  user: null,
  namesGroup: false,
  env: { LANG: 'C' },
  entrypoint: ['/app'],
  cmd: [],
  cwd: '/srv',
  labels: {},
  stopSignal: null,
};
const none = () => {
  throw new NiwaError('NOT_FOUND', 'no image');
};
const ids = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/);
/** Also compares the order of fields. */
const text = (value: unknown) => JSON.stringify(value);

describe('a spec that was seen before', () => {
  it('is what a parse gives, for every id', () => {
    fc.assert(
      fc.property(
        specInputs,
        fc.array(fc.option(ids, { nil: undefined }), { minLength: 2, maxLength: 3 }),
        (input, all) => {
          const seen = new SeenSpecs();
          for (const id of all) {
            const { id: _, ...rest } = input;
            const one = id === undefined ? rest : { ...rest, id };
            expect(text(seen.parse(one, 'free-id', none, ROOT))).toBe(text(parseSpec(one, 'free-id')));
          }
        },
      ),
    );
  });

  it('is refused as before where another value stands in it', () => {
    const seen = new SeenSpecs();
    fc.assert(
      fc.property(nearSpecInputs, (input) => {
        for (let time = 0; time < 2; time++)
          expect(outcome(() => seen.parse(input, 'free-id', none, ROOT))).toEqual(
            outcome(() => parseSpec(input, 'free-id')),
          );
      }),
      { numRuns: 500 },
    );
  });

  it('is parsed again where JSON writes two values alike', () => {
    const seen = new SeenSpecs();
    const input = (max: unknown) => ({ process: { args: ['/a'] }, restart: { policy: 'always', max }, owner: 'x' });
    for (const value of [0, 3, null, Number.POSITIVE_INFINITY, Number.NaN, -0, undefined])
      expect(outcome(() => seen.parse(input(value), 'x', none, ROOT))).toEqual(
        outcome(() => parseSpec(input(value), 'x')),
      );
  });

  it('is refused with a wrong id', () => {
    const seen = new SeenSpecs();
    const input = { process: { args: ['/a'] } };
    seen.parse(input, 'x', none, ROOT);
    for (const id of ['', '../a', 'a/b', 5, null, 'a'.repeat(65)])
      expect(refusal(() => seen.parse({ ...input, id }, 'x', none, ROOT)).message).toBe(
        refusal(() => parseSpec({ ...input, id }, 'x')).message,
      );
  });

  it('has the image that the name stands for now', () => {
    const seen = new SeenSpecs();
    const input = { root: { image: 'app:1' } };
    const other = { ...image, id: `sha256:${'b'.repeat(64)}`, layers: ['/layers/c'], env: { LANG: 'de' } };
    for (const now of [image, image, other, other, { ...other, user: '5:5' }, image])
      expect(text(seen.parse(input, 'x', () => now, ALICE))).toBe(text(parseSpec(input, 'x', () => now)));
    expect(refusal(() => seen.parse(input, 'x', none, ALICE)).code).toBe('NOT_FOUND');
  });

  it('cannot be changed: containers share its parts, and the input does not', () => {
    const seen = new SeenSpecs();
    const input = { process: { args: ['/a', 'b'] } };
    seen.parse(input, 'x', none, ROOT);
    input.process.args.push('c');
    expect(seen.parse({ process: { args: ['/a', 'b'] } }, 'x', none, ROOT).process.args).toEqual(['/a', 'b']);
    const { process } = seen.parse({ process: { args: ['/a', 'b'] } }, 'x', none, ROOT);
    expect(() => process.args.push('c')).toThrow(TypeError);
  });
});

describe('what is kept of the specs of one caller', () => {
  const named = (i: number) => ({ root: { image: 'app:1' }, labels: { i: String(i) } });

  it('counts also what comes from the image: the specs that were seen last stay', () => {
    const seen = new SeenSpecs();
    const env = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`V${i}`, 'x'.repeat(10_000)]));
    const parse = (i: number) => seen.parse(named(i), 'x', () => ({ ...image, env }), ALICE);
    for (let i = 0; i < 32; i++) parse(i);
    // a spec that is kept is frozen
    const kept = Array.from({ length: 32 }, (_, i) => 31 - i).filter((i) => Object.isFrozen(parse(i).process));
    expect(kept[0]).toBe(31);
    expect(kept.length).toBeLessThan(6);
  });

  it('has no labels of the image but those of the spec', () => {
    const seen = new SeenSpecs();
    const labels = Object.fromEntries(Array.from({ length: 1024 }, (_, i) => [`label-${i}`, 'x'.repeat(4096)]));
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 32; i++) seen.parse(named(i), 'x', () => ({ ...image, labels }), ALICE);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
    expect(Object.isFrozen(seen.parse(named(31), 'x', () => ({ ...image, labels }), ALICE).process)).toBe(true);
  });
});

function outcome(act: () => unknown): string {
  try {
    return text(act());
  } catch (error) {
    if (error instanceof NiwaError) return error.message;
    throw error;
  }
}

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ResolvedSpecSchema } from '../../../src/protocol/resolved-spec.js';
import { problemsOf } from '../../../src/spec/check.js';
import { parseSpec } from '../../../src/spec/spec.js';
import { specInputs } from '../arbitrary.js';

it('is the schema of every spec that is parsed, and has all of its fields', () => {
  fc.assert(
    fc.property(specInputs, (input) => {
      let spec: object;
      try {
        spec = parseSpec(input, 'free');
      } catch {
        return; // some go together with no other, such as two hooks of one point
      }
      expect(problemsOf(ResolvedSpecSchema, spec)).toEqual([]);
      expect(Object.keys(ResolvedSpecSchema.properties)).toEqual(expect.arrayContaining(Object.keys(spec)));
    }),
    { numRuns: 300 },
  );
});

import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { problemsOf } from '../../../src/spec/check.js';

const Shape = Type.Union(
  [
    Type.Object({ kind: Type.Literal('circle'), radius: Type.Number({ description: 'a radius' }) }),
    Type.Object({ kind: Type.Literal('square'), side: Type.Number({ description: 'a side' }) }),
  ],
  { description: 'a circle or a square' },
);

describe('the words of a problem', () => {
  it('are of the branch of a union that was meant', () => {
    const schema = Type.Object({ shapes: Type.Array(Shape) });
    const value = { shapes: [{ kind: 'circle' }, { kind: 'square', side: 'x' }, { kind: 'line' }, 3] };
    expect(problemsOf(schema, value)).toEqual([
      { path: 'shapes[0].radius', found: 'nothing', allowed: 'a radius' },
      { path: 'shapes[1].side', found: '"x"', allowed: 'a side' },
      { path: 'shapes[2]', found: '{"kind":"line"}', allowed: 'a circle or a square' },
      { path: 'shapes[3]', found: '3', allowed: 'a circle or a square' },
    ]);
  });

  it('name the type where a schema has no description', () => {
    expect(problemsOf(Type.Object({ n: Type.Number() }), { n: 'x' })).toEqual([
      { path: 'n', found: '"x"', allowed: 'a value of type number' },
    ]);
  });

  it('begin with the prefix', () => {
    expect(problemsOf(Type.Object({ n: Type.Number() }), { n: 'x' }, 'a.b')[0]?.path).toBe('a.b.n');
    expect(problemsOf(Type.Number(), 'x', 'a.b')[0]?.path).toBe('a.b');
    expect(problemsOf(Type.Number(), 'x')[0]?.path).toBe('(top)');
  });

  it('are none where the value fits', () => {
    expect(problemsOf(Shape, { kind: 'circle', radius: 1 })).toEqual([]);
  });

  it('tell apart a field and a name with a point in it', () => {
    const schema = Type.Object({ 'a.b': Type.Number(), a: Type.Number() });
    expect(problemsOf(schema, { 'a.b': 'x', a: 'y' }).map(({ found }) => found)).toEqual(['"x"', '"y"']);
  });
});

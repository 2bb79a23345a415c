import { describe, expect, it } from 'vitest';
import { withComponents } from '../../../src/api/openapi.js';

describe('a document', () => {
  const id = { title: 'Id', type: 'string' };
  const at = (schema: object) => ({ paths: { '/v1/a': { get: { schema } } } });

  it('names the schemas that have a title', () => {
    const pair = { title: 'Pair', type: 'object', properties: { left: id, right: { anyOf: [id, { type: 'null' }] } } };
    const reference = { $ref: '#/components/schemas/Id' };
    expect(withComponents(at({ type: 'array', items: pair }))).toEqual({
      ...at({ type: 'array', items: { $ref: '#/components/schemas/Pair' } }),
      components: {
        schemas: {
          Id: { type: 'string' },
          Pair: { type: 'object', properties: { left: reference, right: { anyOf: [reference, { type: 'null' }] } } },
        },
      },
    });
  });

  it('has further schemas, which no route sends', () => {
    const { components } = withComponents(at({ type: 'null' }), [id]) as { components: object };
    expect(components).toEqual({ schemas: { Id: { type: 'string' } } });
  });

  it('has no two schemas of one name', () => {
    const { paths } = at({ anyOf: [id, { ...id, maxLength: 3 }] });
    expect(() => withComponents({ paths })).toThrow('two schemas have the title Id');
  });

  it('may have fields that are called title', () => {
    const schema = { type: 'object', properties: { title: { type: 'string' } } };
    expect(withComponents(at(schema))).toMatchObject(at(schema));
  });

  it('has the schemas of parameters in their places', () => {
    const paths = { '/v1/a': { get: { parameters: [{ name: 'id', in: 'path', schema: id }] } } };
    expect(withComponents({ paths })).toEqual({ paths, components: { schemas: {} } });
  });
});

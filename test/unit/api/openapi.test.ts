import { describe, expect, it } from 'vitest';
import { toDocument } from '../../../src/api/openapi.js';

describe('a document', () => {
  const id = { title: 'Id', type: 'string' };
  const at = (schema: object) => ({ paths: { '/v1/a': { get: { schema } } } });

  it('names the schemas that have a title', () => {
    const pair = { title: 'Pair', type: 'object', properties: { left: id, right: { anyOf: [id, { type: 'null' }] } } };
    const reference = { $ref: '#/components/schemas/Id' };
    expect(toDocument(at({ type: 'array', items: pair }))).toMatchObject({
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
    const { components } = toDocument(at({ type: 'null' }), [id]) as { components: object };
    expect(components).toEqual({ schemas: { Id: { type: 'string' } } });
  });

  it('has no two schemas of one name', () => {
    const { paths } = at({ anyOf: [id, { ...id, maxLength: 3 }] });
    expect(() => toDocument({ paths })).toThrow('two schemas have the title Id');
  });

  it('may have fields that are called title', () => {
    const schema = { type: 'object', properties: { title: { type: 'string' } } };
    expect(toDocument(at(schema))).toMatchObject(at(schema));
  });

  it('describes each answer, and groups the operations by their paths', () => {
    const words = { 200: { description: 'Default Response' }, 204: { description: 'gone' } };
    const paths = { '/v1/images': { get: { responses: words } }, '/metrics': { get: {} } };
    expect(toDocument({ paths })).toMatchObject({
      paths: {
        '/v1/images': {
          get: {
            tags: ['images'],
            responses: {
              200: { description: 'what was asked for, or what has become of it' },
              204: { description: 'gone' },
            },
          },
        },
        '/metrics': { get: { tags: ['node'] } },
      },
    });
  });

  it('has the schemas of parameters in their places', () => {
    const paths = { '/v1/a': { get: { parameters: [{ name: 'id', in: 'path', schema: id }] } } };
    expect(toDocument({ paths })).toMatchObject({ paths, components: { schemas: {} } });
  });
});

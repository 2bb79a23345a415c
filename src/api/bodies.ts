import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyBodyParser, FastifyRequest } from 'fastify';
import { nameForTurns } from '../access/allowed.js';
import { MAX_YAML_BYTES, MAX_YAML_TOKENS, requireBounded, requireBoundedJson } from '../spec/bounds.js';
import { parseYaml } from '../spec/yaml.js';
import { FairTurns } from '../turns/fair-turns.js';
import type { Api } from './api.js';

/**
 * For fastify's JSON parser: names such as `__proto__` are ordinary names here; schemas refuse them where the names of
 * fields are fixed.
 */
const POISONING = ['ignore', 'ignore'] as const;

/** Gives the value of a body; throws what is wrong with it. */
type Parse = (request: FastifyRequest, body: string) => unknown;

/**
 * Limits and orders the parsing of bodies. Parsing takes longer for a longer body, so the length is limited before. In
 * each turn of the event loop, one body of root and one body of all other callers is parsed: many bodies that arrive at
 * once, on one connection or more, delay other requests no longer than one body.
 */
export function readBodies(api: Api): void {
  const turns = new FairTurns({ root: 1, callers: 1, each: 1 });
  // The first body of a turn of the event loop is parsed in it, without a promise; its place is free again in the next.
  const inTurn =
    (parse: Parse): FastifyBodyParser<string> =>
    (request, body, done) => {
      void turns.run(nameForTurns(request.caller), () => {
        const parsed = outcomeOf(() => parse(request, body));
        done(parsed.error, parsed.value);
        return nextTurn();
      });
    };
  api.removeContentTypeParser('text/plain'); // Fastify's own: no operation has such a body
  api.addContentTypeParser('application/json', { parseAs: 'string' }, inTurn(jsonParser(api)));
  const types = ['application/yaml', 'application/x-yaml', 'text/yaml'];
  api.addContentTypeParser(types, { parseAs: 'string', bodyLimit: MAX_YAML_BYTES }, inTurn(parseYamlBody));
}

function outcomeOf(parse: () => unknown): { error: Error | null; value?: unknown } {
  try {
    return { error: null, value: parse() };
  } catch (error) {
    return { error: error as Error };
  }
}

function jsonParser(api: Api): Parse {
  const parse = api.getDefaultJsonParser(...POISONING);
  return (request, body) => {
    requireBoundedJson('the body', body);
    let parsed: { error: Error | null; value: unknown } = { error: null, value: undefined };
    void parse(request, body, (error, value) => {
      parsed = { error, value };
    });
    if (parsed.error !== null) throw parsed.error;
    return parsed.value;
  };
}

function parseYamlBody(_request: FastifyRequest, body: string): unknown {
  const value = parseYaml(body, 'the body', MAX_YAML_TOKENS);
  requireBounded('the body', value);
  return value;
}

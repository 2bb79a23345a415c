import type { TSchema } from 'typebox';
import { ResolvedSpecSchema, type Spec } from '../protocol/resolved-spec.js';
import { parseAs } from './check.js';
import { writtenSpec } from './written-spec.js';

/** The parts of a JSON schema that contain schemas. */
interface Node {
  properties?: Record<string, Node>;
  patternProperties?: Record<string, Node>;
  items?: Node;
  anyOf?: Node[];
}

let closedSchema: TSchema | null = null;

/**
 * Gives the input that a spec as `inspect` shows it was made of; any other input as it is.
 * @throws NiwaError SPEC_INVALID where it begins like a shown spec, and has other fields, too
 */
export function inputOfShown(input: unknown): unknown {
  if (!isShown(input)) return input;
  closedSchema ??= closed(ResolvedSpecSchema as Node) as TSchema;
  return writtenSpec(parseAs('the spec, which has the form that inspect shows,', closedSchema, input) as Spec);
}

/** A shown spec has each field; no spec of a user has this one. */
function isShown(input: unknown): boolean {
  return typeof input === 'object' && input !== null && Object.hasOwn(input, 'stopTimeoutUsec');
}

/** Gives a schema whose objects have no fields but their own: one that nobody reads would be ignored in silence. */
function closed(node: Node): Node {
  const { properties, patternProperties, items, anyOf } = node;
  const all = (nodes: Record<string, Node>) =>
    Object.fromEntries(Object.entries(nodes).map(([name, one]) => [name, closed(one)]));
  return {
    ...node,
    ...(properties === undefined ? {} : { properties: all(properties), additionalProperties: false }),
    ...(patternProperties === undefined ? {} : { patternProperties: all(patternProperties) }),
    ...(items === undefined ? {} : { items: closed(items) }),
    ...(anyOf === undefined ? {} : { anyOf: anyOf.map(closed) }),
  };
}

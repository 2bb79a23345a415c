import type { TSchema } from 'typebox';
import { ContainerStatusSchema } from '../../protocol/container.js';
import { ErrorSchema } from '../../protocol/error-schema.js';

/** The answers of routes, for their schemas. */

/** The error answers of every route. */
export const failures = { '4xx': ErrorSchema, '5xx': ErrorSchema };

/** The status of the container in the request. */
export const oneContainer = { 200: ContainerStatusSchema, ...failures };

/** Newline-delimited JSON. @param line the schema of each line */
export function linesOf<T extends TSchema>(line: T) {
  return { description: 'a line of JSON each', content: { 'application/x-ndjson': { schema: line } } };
}

/** One answer as JSON; with `stream`, one line of JSON after another. */
export function onceOrLinesOf<T extends TSchema>(schema: T) {
  return {
    description: 'one answer, or with stream=true a line of JSON per interval',
    content: { 'application/json': { schema }, 'application/x-ndjson': { schema } },
  };
}

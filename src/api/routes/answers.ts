import type { TSchema } from 'typebox';
import { ContainerStatusSchema } from '../../protocol/container.js';
import { ErrorSchema } from '../../protocol/error-schema.js';

/** What routes answer, for their schemas. */

/** The errors of every route. */
export const failures = { '4xx': ErrorSchema, '5xx': ErrorSchema };

/** The status of the container that the request was about. */
export const oneContainer = { 200: ContainerStatusSchema, ...failures };

/** Newline-delimited JSON. @param line the schema of each line */
export function linesOf<T extends TSchema>(line: T) {
  return { description: 'a line of JSON each', content: { 'application/x-ndjson': { schema: line } } };
}

/** One answer as JSON, or with `stream` a line of JSON again and again. */
export function onceOrLinesOf<T extends TSchema>(schema: T) {
  return {
    description: 'one answer, or with stream=true a line of JSON per interval',
    content: { 'application/json': { schema }, 'application/x-ndjson': { schema } },
  };
}

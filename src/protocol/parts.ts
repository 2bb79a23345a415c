import { type TSchema, Type } from 'typebox';

/** Small schemas that are part of many schemas. The `title` of a schema is its name in the OpenAPI document. */

/** The schema of a value that may be null. */
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** A moment in the form of Date.toISOString. */
export const Time = Type.String({ format: 'date-time' });
/** A number; null where the host does not give it. */
export const Figure = nullable(Type.Number());
/** Texts by their names. */
export const Texts = Type.Record(Type.String(), Type.String());
/** A span of time. */
export const Usec = Type.Integer({ description: 'microseconds' });

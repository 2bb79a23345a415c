import { type TSchema, Type } from 'typebox';

/** Small parts that many schemas are made of. A `title` in a schema is its name in the OpenAPI document. */

/** A value, or null. */
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** A moment as Date.toISOString writes it. */
export const Time = Type.String({ format: 'date-time' });
/** A number; null where the host does not give it. */
export const Figure = nullable(Type.Number());
/** Texts by their names. */
export const Texts = Type.Record(Type.String(), Type.String());
/** A span of time. */
export const Usec = Type.Integer({ description: 'microseconds' });

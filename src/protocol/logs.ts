import { type Static, Type } from 'typebox';

export const StreamNameSchema = Type.Union([Type.Literal('stdout'), Type.Literal('stderr')], {
  description: 'stdout or stderr',
});
export type StreamName = Static<typeof StreamNameSchema>;

/** A piece of output, as the container wrote it. */
export const LogLineSchema = Type.Object(
  {
    time: Type.String({
      format: 'date-time',
      description: 'when the output came: written in microseconds, exact to a millisecond',
    }),
    stream: StreamNameSchema,
    data: Type.String({ contentEncoding: 'base64' }),
    lost: Type.Optional(
      Type.Literal(true, { description: 'output before this piece was rotated away before it could be read' }),
    ),
  },
  { title: 'LogLine' },
);
export type LogLine = Static<typeof LogLineSchema>;

/** A piece of output of an instance of a service. */
export const ServiceLogLineSchema = Type.Object(
  { instance: Type.String({ description: 'the id of its container' }), ...LogLineSchema.properties },
  { title: 'ServiceLogLine' },
);
export type ServiceLogLine = Static<typeof ServiceLogLineSchema>;
/** A piece of output, with its bytes instead of text. */
export type LogChunk = Omit<LogLine, 'data'> & { data: Buffer };
/** The same of an instance of a service. */
export type ServiceLogChunk = LogChunk & { instance: string };

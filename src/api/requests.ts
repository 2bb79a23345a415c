import { Type } from 'typebox';
import { refuse, show } from '../spec/problems.js';
import { Id, Resources } from '../spec/schema.js';
import { signalName, signalNumber } from '../spec/signals.js';
import { DURATION_PATTERN } from '../spec/units.js';

/** What requests say, beside the spec itself. */

const closed = { additionalProperties: false } as const;

export const IdParams = Type.Object({ id: Id }, closed);

/** A duration in a body or, always as text, in a query. */
export const DurationSchema = Type.Union(
  [Type.Number({ minimum: 0 }), Type.String({ pattern: `${DURATION_PATTERN}|^[0-9]+$` })],
  { description: 'seconds as a number, or a string such as "90s" or "250ms"' },
);
const SignalSchema = Type.Union([Type.Integer({ minimum: 1, maximum: 64 }), Type.String()], {
  description: 'a signal such as "SIGTERM", "TERM" or 15',
});

export const StopBody = Type.Object(
  { timeout: Type.Optional(DurationSchema), signal: Type.Optional(SignalSchema) },
  closed,
);
export const SignalBody = Type.Object({ signal: Type.Optional(SignalSchema) }, closed);
export const UpdateBody = Type.Object({ resources: Resources }, closed);
export const LifetimeBody = Type.Union(
  [
    Type.Object({ lifetime: Type.Union([...DurationSchema.anyOf, Type.Null()]) }, closed),
    Type.Object({ remaining: DurationSchema }, closed),
  ],
  { description: '{"lifetime": DURATION or null} or {"remaining": DURATION}' },
);

/** Gives the name of a signal. @throws NiwaError SPEC_INVALID where there is no such signal */
export function requireSignal(input: string | number): string {
  const number = signalNumber(input);
  if (number === undefined)
    refuse('the request', [
      { path: 'signal', found: show(input), allowed: 'a signal such as "SIGTERM", "TERM" or 15' },
    ]);
  return signalName(number ?? 0);
}

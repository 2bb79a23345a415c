import { type Static, Type } from 'typebox';
import { ResolvedSpecSchema } from './resolved-spec.js';

/** One step of a plan: the part of the start that it belongs to, and its words. */
export const StepSchema = Type.Object(
  {
    phase: Type.Union(
      [
        Type.Literal('group'),
        Type.Literal('devices'),
        Type.Literal('userns'),
        Type.Literal('image'),
        Type.Literal('clone'),
        Type.Literal('boot'),
        Type.Literal('network'),
      ],
      { description: 'the part of the start to which the step belongs; boot: the boot program does the step' },
    ),
    operation: Type.String(),
    text: Type.String({ description: 'what the step does; if the step fails, the error has the same words' }),
  },
  { title: 'Step', description: 'one step of a start' },
);

/** The plan of a spec: what a start would do. */
export const PlannedSchema = Type.Object(
  {
    spec: ResolvedSpecSchema,
    steps: Type.Array(StepSchema, { description: 'in the order in which they run' }),
    warnings: Type.Array(Type.String(), {
      description: 'what the container would not have although its user may expect it',
    }),
    plan: Type.Unsafe<object>({
      type: 'object',
      description:
        'the steps in the form in which they are carried out; numbers of 64 bits are text. The form may change with any version',
    }),
  },
  { title: 'Planned', description: 'what a start of a spec would do' },
);

export type Step = Static<typeof StepSchema>;
export type Planned = Static<typeof PlannedSchema>;

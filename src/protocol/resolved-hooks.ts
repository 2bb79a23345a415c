import { type Static, Type } from 'typebox';
import { nullable, Texts, Usec } from './parts.js';

/** The hooks and the readiness check of a spec, with every default filled in. */

const programFields = {
  file: Type.String({ description: 'the file that is executed; args[0] is the name that the program gets' }),
  args: Type.Array(Type.String()),
  env: Texts,
  timeoutUsec: Usec,
};
const ProgramSchema = Type.Object(programFields);
/** A program of the host that niwad runs. */
export type Program = Static<typeof ProgramSchema>;

const HookSchema = Type.Object(
  {
    ...programFields,
    onError: Type.Enum(['fail', 'log'], {
      description: 'what follows from its failure: the start fails, or a line is written to the log of niwad',
    }),
  },
  { title: 'Hook', description: 'a program that the host runs at a point of the life of a container' },
);
export type Hook = Static<typeof HookSchema>;

const IntervalHookSchema = Type.Object(
  { ...programFields, everyUsec: Usec },
  { title: 'IntervalHook', description: 'a program that the host runs again and again while a container runs' },
);
export type IntervalHook = Static<typeof IntervalHookSchema>;

const AtPoint = Type.Optional(Type.Array(HookSchema));
export const HooksSchema = Type.Object(
  {
    beforeCreate: AtPoint,
    afterNetwork: AtPoint,
    afterStart: AtPoint,
    onReady: AtPoint,
    onStop: AtPoint,
    afterExit: AtPoint,
    onFailure: AtPoint,
    interval: Type.Optional(Type.Array(IntervalHookSchema)),
  },
  { title: 'Hooks', description: 'a point without hooks is left out' },
);
export type Hooks = Static<typeof HooksSchema>;
/** A point of a container's life at which hooks run. */
export type HookPoint = Exclude<keyof Hooks, 'interval'>;

const ReadyCheckSchema = Type.Union(
  [
    Type.Object({ type: Type.Literal('tcp'), port: Type.Integer() }),
    Type.Object({
      type: Type.Literal('http'),
      port: Type.Integer(),
      path: Type.String(),
      status: nullable(
        Type.Integer({ description: 'the status that means ready; null for any status from 200 to 399' }),
      ),
    }),
    Type.Object({ type: Type.Literal('command'), args: Type.Array(Type.String()) }),
  ],
  { title: 'ReadyCheck' },
);
/** How to find out whether a container is ready. */
export type ReadyCheck = Static<typeof ReadyCheckSchema>;

export const ReadySchema = Type.Object(
  {
    check: ReadyCheckSchema,
    everyUsec: Usec,
    timeoutUsec: Type.Integer({ description: 'microseconds, counted from the start of the container' }),
    onTimeout: Type.Enum(['stop', 'log']),
  },
  { title: 'Ready', description: 'how niwad finds out whether a container is ready' },
);
export type Ready = Static<typeof ReadySchema>;

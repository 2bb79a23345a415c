import { type Static, Type } from 'typebox';
import { nullable } from './parts.js';
import { Capabilities, Process, Rlimits } from './spec/process.js';
import { Seccomp } from './spec/seccomp.js';
import { Args, closed } from './spec/values.js';

const cells = (description: string) => Type.Integer({ minimum: 1, maximum: 65_535, description });

/** The size of a terminal in characters. */
export const TerminalSize = Type.Object(
  { rows: cells('a number of rows from 1 to 65535'), columns: cells('a number of columns from 1 to 65535') },
  { ...closed, title: 'TerminalSize', description: '{"rows", "columns"}' },
);
export type TerminalSize = Static<typeof TerminalSize>;

const { env, cwd, user, tty } = Process.properties;

/** A client's request for a further process in a container. */
export const ExecSchema = Type.Object(
  {
    args: Args,
    env,
    cwd,
    user,
    tty,
    stdin: Type.Optional(Type.Boolean({ description: 'true or false: whether it reads what the client sends' })),
    size: Type.Optional(TerminalSize),
    detach: Type.Optional(
      Type.Boolean({
        description:
          'true or false: whether it runs on its own, with /dev/null as its standard streams; excludes "tty" and "stdin"',
      }),
    ),
    capabilities: Type.Optional(Capabilities),
    seccomp: Type.Optional(Seccomp),
    rlimits: Type.Optional(Rlimits),
  },
  {
    ...closed,
    title: 'ExecInput',
    examples: [
      { args: ['ps', 'aux'] },
      { args: ['sh'], tty: true, stdin: true },
      { args: ['backup', '/data'], detach: true },
    ],
  },
);
export type ExecInput = Static<typeof ExecSchema>;

/** A detached exec, as the answer to its request and its first event tell it. */
export const ExecStartedSchema = Type.Object(
  {
    id: Type.String({ description: 'the name of the exec in the events "exec-started" and "exec-ended"' }),
    pid: Type.Integer({ description: 'its pid as the host sees it' }),
  },
  { title: 'ExecStarted', description: 'a detached exec, which runs' },
);
export type ExecStarted = Static<typeof ExecStartedSchema>;

/** A detached exec with the exit status or the signal by which it ended. */
export const ExecEndedSchema = Type.Object(
  { ...ExecStartedSchema.properties, code: nullable(Type.Integer()), signal: nullable(Type.String()) },
  { title: 'ExecEnded', description: 'a detached exec, and how it ended: one of "code" and "signal" is null' },
);
export type ExecEnded = Static<typeof ExecEndedSchema>;

import { type Static, Type } from 'typebox';
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
    capabilities: Type.Optional(Capabilities),
    seccomp: Type.Optional(Seccomp),
    rlimits: Type.Optional(Rlimits),
  },
  { ...closed, title: 'ExecInput', examples: [{ args: ['ps', 'aux'] }, { args: ['sh'], tty: true, stdin: true }] },
);
export type ExecInput = Static<typeof ExecSchema>;

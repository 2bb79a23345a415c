import { Type } from 'typebox';
import { closed, integer } from './values.js';

/** The actions of a filter, without the one that asks an agent: only the config of an engine can name an agent. */
export const SECCOMP_ACTIONS = [
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_LOG',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_TRAP',
] as const;
export const SECCOMP_ACTIONS_OF_ENGINES = [...SECCOMP_ACTIONS, 'SCMP_ACT_NOTIFY'] as const;
export const SECCOMP_COMPARISONS = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const;
const Errno = integer(0, 4095, 'an errno');
const Uint64 = Type.Union(
  [integer(0, Number.MAX_SAFE_INTEGER, 'a number'), Type.String({ pattern: '^0x[0-9a-f]{1,16}$' })],
  { description: 'a number, or one of up to 64 bits such as "0xffffffffffffffff"' },
);

function profile<A extends string>(title: string, actions: A[]) {
  const [first, ...others] = actions.map((name) => name.replace('SCMP_ACT', ''));
  const description = `SCMP_ACT${first}, ${others.slice(0, -1).join(', ')} or ${others.at(-1)}`;
  const action = Type.Enum<A[]>(actions, { description });
  return Type.Object(
    {
      defaultAction: action,
      defaultErrnoRet: Type.Optional(Errno),
      architectures: Type.Optional(
        Type.Array(Type.String({ description: 'a name such as SCMP_ARCH_X86_64' }), {
          description: 'a list of names such as SCMP_ARCH_X86_64',
        }),
      ),
      syscalls: Type.Optional(
        Type.Array(
          Type.Object(
            {
              names: Type.Array(
                Type.String({ pattern: '^[a-z0-9_]+$', description: 'the name of a system call, such as "openat"' }),
                { minItems: 1, description: 'a list of at least one system call' },
              ),
              action,
              errnoRet: Type.Optional(Errno),
              args: Type.Optional(
                Type.Array(
                  Type.Object(
                    {
                      index: integer(0, 5, 'an argument'),
                      value: Uint64,
                      valueTwo: Type.Optional(Uint64),
                      op: Type.Enum([...SECCOMP_COMPARISONS], {
                        description: 'SCMP_CMP_NE, _LT, _LE, _EQ, _GE, _GT or _MASKED_EQ',
                      }),
                    },
                    closed,
                  ),
                  { maxItems: 6, description: 'a list of {"index", "value", "valueTwo"?, "op"}' },
                ),
              ),
            },
            closed,
          ),
          { maxItems: 2000, description: 'a list of {"names", "action", "errnoRet"?, "args"?}' },
        ),
      ),
    },
    { ...closed, title },
  );
}

/** A seccomp profile in the form of the OCI runtime specification. */
export const SeccompProfile = profile('SeccompProfile', [...SECCOMP_ACTIONS]);
/** That of a container of an engine, which may ask an agent. */
export const ShownSeccompProfile = profile('ShownSeccompProfile', [...SECCOMP_ACTIONS_OF_ENGINES]);
export const Seccomp = Type.Union([Type.Literal('default'), Type.Literal('unconfined'), SeccompProfile], {
  description: '"default", "unconfined", or a profile in the form of the OCI runtime specification',
});

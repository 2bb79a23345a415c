import { type Static, Type } from 'typebox';
import { ERROR_CODES } from './error-codes.js';

const FieldProblemSchema = Type.Object(
  { path: Type.String(), found: Type.String(), allowed: Type.String() },
  { title: 'FieldProblem', description: 'one wrong field: where, what was found there, and what is allowed' },
);
export type FieldProblem = Static<typeof FieldProblemSchema>;

const FailedStepSchema = Type.Object(
  {
    number: Type.Integer({ description: 'from 1 on' }),
    total: Type.Integer({ description: 'how many steps the plan has' }),
    operation: Type.String(),
    text: Type.String({ description: 'the step in words' }),
    errno: Type.String({ description: 'the name of the error in the kernel, such as ENOENT' }),
  },
  { title: 'FailedStep', description: 'the step of a plan that failed' },
);
export type FailedStep = Static<typeof FailedStepSchema>;

const detailFields = {
  problems: Type.Optional(Type.Array(FieldProblemSchema, { description: 'with SPEC_INVALID: each wrong field' })),
  step: Type.Optional(FailedStepSchema),
};
const DetailsSchema = Type.Object(detailFields);
/** The part of an error that is for programs, beside the message, which is for people. */
export type ErrorDetails = Static<typeof DetailsSchema>;

/** The body of every error. */
export const ErrorSchema = Type.Object(
  {
    code: Type.Enum(ERROR_CODES, { title: 'ErrorCode' }),
    message: Type.String({ description: 'the cause and the cure, for people' }),
    ...detailFields,
  },
  {
    title: 'Error',
    examples: [
      {
        code: 'SPEC_INVALID',
        message:
          'the spec is invalid: process.args: found []; allowed: the program and its arguments: a list of at least one string',
        problems: [
          {
            path: 'process.args',
            found: '[]',
            allowed: 'the program and its arguments: a list of at least one string',
          },
        ],
      },
    ],
  },
);
export type ErrorBody = Static<typeof ErrorSchema>;

import { Type } from 'typebox';
import { ERROR_CODES } from './errors.js';

export const ErrorSchema = Type.Object(
  {
    code: Type.String({ description: ERROR_CODES.join(', ') }),
    message: Type.String({ description: 'the cause and the cure, for people' }),
    problems: Type.Optional(
      Type.Array(Type.Object({ path: Type.String(), found: Type.String(), allowed: Type.String() }), {
        description: 'each wrong field, with SPEC_INVALID',
      }),
    ),
    step: Type.Optional(
      Type.Object(
        {
          number: Type.Integer(),
          total: Type.Integer(),
          operation: Type.String(),
          text: Type.String(),
          errno: Type.String(),
        },
        { description: 'the step that failed, with START_FAILED' },
      ),
    ),
  },
  { description: 'an error' },
);

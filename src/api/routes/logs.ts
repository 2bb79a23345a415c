import { requireOutput } from '../../engine/actions.js';
import type { LogRange } from '../../logs/log.js';
import { type LogChunk, LogLineSchema } from '../../protocol/logs.js';
import { LogsQuery } from '../../protocol/queries.js';
import { IdParams } from '../../protocol/requests.js';
import { invalid } from '../../spec/problems.js';
import type { Api, ApiOptions } from '../api.js';
import { requireMoment } from '../requests.js';
import { streamValues } from '../stream.js';
import { failures, linesOf } from './answers.js';

/** The output of containers. */
export function logRoutes(api: Api, { runtime }: ApiOptions): void {
  api.get(
    '/v1/containers/:id/logs',
    {
      schema: {
        operationId: 'readLogs',
        summary: 'What a container has written; with follow=true also what it writes, until it has exited',
        description:
          'Lines of {"time", "stream": "stdout" or "stderr", "data": BASE64}, with "lost": true where something before it was rotated away before it could be sent.',
        params: IdParams,
        querystring: LogsQuery,
        response: { 200: linesOf(LogLineSchema), ...failures },
      },
    },
    async ({ params, query }, reply) => {
      const { log, spec } = runtime.get(params.id);
      requireOutput('logs', spec);
      const range = toRange(query);
      return streamValues(reply, (left) => encode(log.read(range, left)));
    },
  );
}

/** Turns a query into the part of a log that is asked for. @throws NiwaError SPEC_INVALID */
export function toRange({ since, until, stream, follow, tail }: LogsQuery): LogRange {
  if (follow === true && until !== undefined)
    throw invalid('the request', [{ path: 'follow', found: 'true', allowed: 'false together with until' }]);
  return {
    sinceUsec: toUsec('since', since),
    untilUsec: toUsec('until', until),
    tail: tail === 'all' ? undefined : tail,
    stream,
    follow,
  };
}

/** Gives the pieces of a log as JSON has them, their bytes in base64. */
export async function* encode(chunks: AsyncIterable<LogChunk>) {
  for await (const chunk of chunks) yield { ...chunk, data: chunk.data.toString('base64') };
}

/** Gives a time in microseconds since 1970. @throws NiwaError SPEC_INVALID */
function toUsec(path: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(requireMoment(path, text, Date.now())) * 1000;
}

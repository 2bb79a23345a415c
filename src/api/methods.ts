import { NiwaError } from '../protocol/errors.js';
import type { Api } from './api.js';

/** Knows the methods of all routes. */
export class Methods {
  readonly #byPath = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  /** @param path of a route, such as `/v1/containers/:id` */
  add(method: string | string[], path: string): void {
    const route = this.#byPath.get(path) ?? { pattern: patternOf(path), methods: new Set<string>() };
    for (const one of [method].flat()) route.methods.add(one);
    this.#byPath.set(path, route);
  }

  /** Gives the methods that a path has, in the order of the alphabet; none if no route has this path. */
  of(path: string): string[] {
    const routes = [...this.#byPath.values()].filter(({ pattern }) => pattern.test(path));
    return [...new Set(routes.flatMap(({ methods }) => [...methods]))].sort();
  }
}

function patternOf(path: string): RegExp {
  const parts = path.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part === '*' ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}

/**
 * Refuses requests for which there is no route: with 405 and the header Allow where the path has other methods (RFC
 * 9110, 15.5.6), else with 404. To be called before the routes are added.
 */
export function refuseUnrouted(api: Api): void {
  const methods = new Methods();
  api.addHook('onRoute', ({ method, url }) => methods.add(method, url));
  api.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?');
    const allowed = methods.of(path);
    if (allowed.length === 0)
      throw new NiwaError(
        'NOT_FOUND',
        `there is no ${request.method} ${request.url}; GET /v1/openapi.json lists what there is`,
      );
    reply.header('allow', allowed.join(', '));
    throw new NiwaError(
      'METHOD_NOT_ALLOWED',
      `${path} has no ${request.method}; it has ${allowed.join(' and ')}, see GET /v1/openapi.json`,
    );
  });
}

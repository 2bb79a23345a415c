import type { Api, ApiOptions } from '../api.js';
import { changeRoutes } from './containers/change.js';
import { createRoute } from './containers/create.js';
import { endRoutes } from './containers/end.js';
import { inspectRoute } from './containers/inspect.js';
import { runRoutes } from './containers/run.js';
import { waitRoute } from './containers/wait.js';

/** The life cycle of containers over HTTP. */
export function containerRoutes(api: Api, options: ApiOptions): void {
  createRoute(api, options);
  inspectRoute(api, options);
  changeRoutes(api, options);
  runRoutes(api, options);
  endRoutes(api, options);
  waitRoute(api, options);
}

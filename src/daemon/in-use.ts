import type { Runtime } from '../containers/runtime.js';
import type { ImageUse, ImageUsers } from '../images/images.js';
import type { TemplateInput } from '../protocol/service.js';
import type { Services } from '../services/services.js';
import { parseReference } from '../spec/reference.js';

/** Says what needs images and their layers. */
export function usersOfImages(runtime: Runtime, services: Services): ImageUsers {
  return { layers: () => runtime.layersInUse(), images: () => imagesInUse(runtime, services) };
}

/**
 * Gives the images that containers and services name. Exited containers count, too, as long as they are listed: they
 * may be started again.
 */
function imagesInUse(runtime: Runtime, services: Services): ImageUse {
  const ofContainers = runtime.list().flatMap(({ spec }) => spec.root.image ?? []);
  const ofServices = templatesOf(services).flatMap(({ root }) => root?.image ?? []);
  return {
    names: new Set([...ofContainers.map(({ name }) => name), ...ofServices.map(parseReference)]),
    ids: new Set(ofContainers.map(({ id }) => id)),
  };
}

function templatesOf(services: Services): TemplateInput[] {
  return services.list().map(({ spec }) => spec.template as TemplateInput);
}

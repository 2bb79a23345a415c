import type { FieldProblem } from '../protocol/errors.js';
import type { Service } from '../protocol/resolved-service.js';
import type { ServiceInput, TemplateInput } from '../protocol/service.js';
import type { SpecInput } from '../protocol/spec.js';
import { type ImageDefaults, withImage } from './image.js';
import { show } from './problems.js';
import { meaningProblems } from './spec.js';

/** The spec of the instances of a service. Pure. */

/** Stands for the image of a template: which image it is, is known only when an instance is made. */
const ANY_IMAGE: ImageDefaults = {
  name: 'any',
  id: '',
  layers: [],
  user: null,
  namesGroup: false,
  env: {},
  entrypoint: ['/any'],
  cmd: [],
  cwd: null,
  labels: {},
  stopSignal: null,
};

/** The fields of a spec that a template must not have, and what to write in place of them. */
const REFUSED: Record<string, string> = {
  id: 'nothing: each instance gets an id of its own, which begins with the name of the service',
  owner: 'nothing here: "owner" of the service, beside "template", is that of its instances',
  ports: 'nothing: "listen" and "port" of the service lead to its instances',
  restart: 'nothing: the service itself starts a successor where it needs one',
};
const REFUSED_OF_NETWORK: Record<string, string> = {
  ports: REFUSED.ports as string,
  address: 'nothing: several instances run at once, and each gets an address of its own',
};

/**
 * Finds the fields that only a container of its own may have. They are named before the schema is asked, which would
 * call them unknown.
 * @param template of any shape
 */
export function* refusedFields(template: unknown): Iterable<FieldProblem> {
  const { network, namespaces, ...fields } = fieldsOf(template);
  const refused = (path: string, found: unknown, allowed: string) => ({
    path: `template.${path}`,
    found: show(found),
    allowed,
  });
  for (const [name, allowed] of Object.entries(REFUSED))
    if (fields[name] !== undefined) yield refused(name, fields[name], allowed);
  for (const [name, allowed] of Object.entries(REFUSED_OF_NETWORK))
    if (fieldsOf(network)[name] !== undefined) yield refused(`network.${name}`, fieldsOf(network)[name], allowed);
  const { mode } = fieldsOf(network);
  if (mode !== undefined && mode !== 'bridge')
    yield refused('network.mode', mode, '"bridge" or nothing: requests reach an instance over the bridge alone');
  const namespace = fieldsOf(namespaces).network;
  if (namespace !== undefined && namespace !== 'new')
    yield refused(
      'namespaces.network',
      namespace,
      '"new" or nothing: requests reach an instance over the bridge alone',
    );
}

/** Gives the fields of a value of any shape; none where it is no object. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/**
 * Finds the problems of a template that its schema has passed: those of the spec of an instance, as far as they do not
 * depend on its image.
 * @param isSaved see meaningProblems()
 */
export function templateProblems(input: ServiceInput, isSaved: boolean): FieldProblem[] {
  return templateMeaningProblems(instanceSpec(input.template, input, 'any'), isSaved);
}

/**
 * Finds the problems of the spec of a template, as far as they do not depend on its image.
 * @param isSaved see meaningProblems()
 */
export function templateMeaningProblems(spec: SpecInput, isSaved: boolean): FieldProblem[] {
  const whole = spec.root?.image === undefined ? spec : withImage(spec, ANY_IMAGE);
  return meaningProblems(whole, isSaved).map((problem) => ({ ...problem, path: `template.${problem.path}` }));
}

/** Gives the spec of one instance, as a user could have written it. @param id the id of its container */
export function templateSpec(service: Service, id: string): SpecInput {
  return instanceSpec(service.template as TemplateInput, service, id);
}

function instanceSpec(
  template: TemplateInput,
  { owner, labels }: { owner?: string | null | undefined; labels?: Record<string, string> | undefined },
  id: string,
): SpecInput {
  const merged = { ...labels, ...template.labels };
  return {
    init: true,
    ...template,
    id,
    ...(owner == null ? {} : { owner }),
    ...(Object.keys(merged).length === 0 ? {} : { labels: merged }),
    network: { ...template.network, mode: 'bridge' },
  };
}

import { NiwaError } from '../protocol/errors.js';
import { type ServiceInput, ServiceName } from '../protocol/service.js';
import type { SpecInput } from '../protocol/spec.js';
import { problemsOf } from '../spec/check.js';
import { requireNoProblems } from '../spec/problems.js';
import { withAbsolutePaths } from './relative-paths.js';
import { folderOf, readFile, readSpecFile } from './spec-file.js';

/**
 * Reads the services of a file: YAML with one document for each, or JSON. Relative paths in a template start from the
 * file's folder. What is in a document is checked by niwad.
 * @param path `-` for standard input
 * @throws NiwaError SPEC_INVALID
 */
export async function readServices(path: string): Promise<ServiceInput[]> {
  const { parseYamlDocuments } = await import('../spec/yaml.js');
  const what = `the file ${path}`;
  const documents = parseYamlDocuments(readFile(path, what), what);
  if (documents.length === 0) throw new NiwaError('SPEC_INVALID', `${what} has no service in it`);
  return documents.map((document, i) => {
    requireName(document, `document ${i + 1} of ${what}`);
    return withAbsoluteTemplate(document as ServiceInput, folderOf(path));
  });
}

/** The name is a part of the request's path, so it is checked here, where its field is known. */
function requireName(document: unknown, what: string): void {
  const { service, name } = (document ?? {}) as { service?: unknown; name?: unknown };
  const meant = service === undefined && name !== undefined ? ' (the field is "service", not "name")' : '';
  requireNoProblems(
    what,
    problemsOf(ServiceName, service, 'service').map((problem) => ({ ...problem, found: problem.found + meant })),
  );
}

/**
 * Reads a spec file; of a file with a service, gives the spec of an instance of it.
 * @throws NiwaError SPEC_INVALID
 */
export async function readSpecOrTemplate(path: string): Promise<Partial<SpecInput>> {
  const read: object = await readSpecFile(path);
  if (!('service' in read && 'template' in read)) return read;
  const { parseService } = await import('../spec/service.js');
  const { templateSpec } = await import('../spec/service-template.js');
  const service = parseService(withAbsoluteTemplate(read, folderOf(path)));
  return templateSpec(service, `${service.name}-1`);
}

function withAbsoluteTemplate<T extends { template?: unknown }>(service: T, folder: string): T {
  return { ...service, template: withAbsolutePaths(service.template, folder) };
}

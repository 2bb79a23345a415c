import { dirname } from 'node:path';
import type { Container } from '../engine/container.js';
import { controllersAt } from '../host/group-place.js';
import { ownGroup } from '../host/own-group.js';
import { placeInScope } from '../host/scope.js';
import type { OciConfig } from '../plan/oci/config.js';
import { groupPathOf, insideGroupOf } from '../plan/oci/group.js';
import type { OciSources } from '../plan/oci/plan.js';
import { scopeOf } from '../plan/oci/scope.js';
import { askedProperties, PROPERTY } from '../plan/oci/scope-properties.js';
import type { OciScope } from '../protocol/resolved-oci.js';
import { type Annotation, SCOPE_PROPERTY } from './spec.js';
import type { VerbParts } from './verb-parts.js';
import { quoted } from './words.js';

/** Where the group of a container will be. */
export interface Place {
  /** Missing where niwad chooses it. */
  group?: NonNullable<OciSources['group']>;
  /** The scope of systemd that it will be in. */
  scope?: OciScope;
}

/**
 * Gives the place of the group that a config asks for. Makes nothing.
 * @param id what the engine calls the container
 * @param bySystemd whether the cgroup manager of the engine is systemd
 * @throws NiwaError SPEC_INVALID for a place that a container cannot have, HOST_UNSUPPORTED where no systemd runs
 */
export function placeOf(parts: VerbParts, config: OciConfig, id: string, bySystemd: boolean): Place {
  const { cgroupsPath = '' } = config.linux ?? {};
  if (!bySystemd) return cgroupsPath === '' ? {} : { group: groupAt(parts, cgroupsPath) };
  const scope = scopeOf(cgroupsPath, id);
  const group = placeInScope(scope, parts.runtime.tree);
  const asked = parts.honoured.includes(SCOPE_PROPERTY) ? annotatedProperties(config.annotations) : {};
  askedProperties(asked); // what is wrong in it is refused before anything is made
  return { group, scope: Object.keys(asked).length === 0 ? scope : { ...scope, properties: asked } };
}

function annotatedProperties(annotations: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => name.startsWith(PROPERTY)));
}

/** All scopes have it. */
const COLLECTED = "'inactive-or-failed'";

/**
 * Gives the annotations that ask for properties of the scope that it will not have. Pure.
 * @param honoured the annotations that have an effect
 */
export function unusedProperties(
  annotations: Readonly<Record<string, string>>,
  honoured: readonly Annotation[],
): string[] {
  if (honoured.includes(SCOPE_PROPERTY)) return [];
  const asked = Object.entries(annotatedProperties(annotations));
  const unused = asked.filter(([name, value]) => name !== `${PROPERTY}CollectMode` || value !== COLLECTED);
  return unused.map(([name]) => `annotations[${quoted(name)}]`);
}

function groupAt({ runtime, kernel }: VerbParts, cgroupsPath: string): NonNullable<Place['group']> {
  const { tree } = runtime;
  const path = groupPathOf(cgroupsPath, { ...tree, own: ownGroup() });
  for (let above = dirname(path); above.length > tree.mount.length; above = dirname(above)) {
    const owner = kernel.host.groupOwner(above);
    if (owner !== '') throw insideGroupOf(path, ociIdOf(runtime.list(), owner));
  }
  return { path, controllers: controllersAt(path, tree.controllers.missing) };
}

/** Gives the id that an engine has for a container; of one that is not listed, that of niwad. */
function ociIdOf(containers: readonly Container[], id: string): string {
  return containers.find((one) => one.id === id)?.spec.oci?.id ?? id;
}

import { labelModules } from '../host/labels.js';
import { ownCapabilities } from '../host/own-capabilities.js';
import { freeze } from '../kept/freeze.js';
import { Kept } from '../kept/kept.js';
import type { OciConfig } from '../plan/oci/config.js';
import { checkConfig, type Tell } from './check.js';
import { parseExact, writeExact } from './exact-json.js';
import { grantableIn, withGrantable } from './grantable.js';
import { withLabels } from './labels.js';
import { execConfigOf } from './process-verbs.js';

/** A config that is parsed, checked and frozen: what is made of it can be kept with it. */
export interface KnownConfig {
  config: OciConfig;
  /** What an exec needs of it, as text: it is saved. */
  execConfig: string;
  /** The names of its fields that have no effect. */
  lost: readonly string[];
}

/** The last configs: a bundle that runs again and again has the same text; engines write a text for each container. */
const LAST = { entries: 16, characters: 1024 * 1024 };
const known = new Kept<KnownConfig>(({ execConfig }) => execConfig.length, LAST);

/**
 * Gives the config of a text, as this host can honour it. One whose text was among the last is not read again.
 * @param tell is told the names of fields that have no effect
 * @throws NiwaError SPEC_INVALID for what is no config, and for what this host cannot honour
 */
export function knownConfig(text: string, tell: Tell): KnownConfig {
  const found = known.get(null, text) ?? read(text);
  if (found.lost.length > 0) tell(found.lost);
  return found;
}

function read(text: string): KnownConfig {
  const lost: string[] = [];
  const lose: Tell = (fields) => lost.push(...fields);
  const written = checkConfig(parseExact('config.json', text), lose);
  const granted = withGrantable(written.process, grantableIn(written, ownCapabilities()), lose);
  const process = withLabels(granted, written.linux?.mountLabel ?? '', labelModules());
  const config = { ...written, process };
  freeze(config);
  const read = { config, execConfig: writeExact(execConfigOf(config)), lost };
  known.set(null, text, read);
  return read;
}

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
 * @param own the capabilities of the command, by their numbers as bits
 * @param tell is told the names of fields that have no effect
 * @throws NiwaError SPEC_INVALID for what is no config, and for what this host cannot honour
 */
export function knownConfig(text: string, own: bigint, tell: Tell): KnownConfig {
  const hasAll = (ownCapabilities() & ~own) === 0n; // else the config is not as the next command can honour it
  const kept = hasAll ? known.get(null, text) : undefined;
  const found = kept ?? read(text, own);
  if (hasAll && kept === undefined) known.set(null, text, found);
  if (found.lost.length > 0) tell(found.lost);
  return found;
}

function read(text: string, own: bigint): KnownConfig {
  const lost: string[] = [];
  const lose: Tell = (fields) => lost.push(...fields);
  const written = checkConfig(parseExact('config.json', text), lose);
  const granted = withGrantable(written.process, grantableIn(written, ownCapabilities() & own), lose);
  const process = withLabels(granted, written.linux?.mountLabel ?? '', labelModules());
  const config = { ...written, process };
  freeze(config);
  return { config, execConfig: writeExact(execConfigOf(config)), lost };
}

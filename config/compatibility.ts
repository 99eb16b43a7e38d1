import { COMPATIBILITIES } from '../src/contract/api.ts';
import type { Compatibility } from '../src/contract/api.ts';
import type { CompatibilityFlags } from './schema/providers.ts';

/**
 * The APIs that a provider speaks. `openai_chat` is on by itself only where nothing else is turned on: a block that
 * turns on another flag without mentioning it clears it (aperture.md, section 2.6).
 */
export function compatibilityOf(flags: CompatibilityFlags = {}): Compatibility[] {
  const others = Object.entries(flags).some(([flag, on]) => flag !== 'openai_chat' && on);
  const chat = flags.openai_chat ?? !others;
  return COMPATIBILITIES.filter((flag) => (flag === 'openai_chat' ? chat : flags[flag] === true));
}

import { compileGlob } from '../lib/globs.ts';
import type { Glob } from '../lib/globs.ts';
import { directPatterns } from './capability.ts';
import type { CapabilityInput, GrantInput } from './grant-input.ts';
import { readHeaderLine } from './header-line.ts';

/** A capability object, compiled. */
export interface Rule {
  grantId: string;
  capability: CapabilityInput;
  /** Undefined: it applies to every model, and allows none. */
  glob: Glob | undefined;
  /** Whether it allows the models that it applies to. */
  allows: boolean;
  addHeaders: [string, string][];
  directPaths: Glob[];
}

export interface CompiledGrant {
  id: string;
  rules: Rule[];
  custom: Readonly<Record<string, readonly unknown[]>>;
}

/** `globs`: those of all grants, each pattern compiled once. */
export function compileGrant(
  grant: Pick<GrantInput, 'id' | 'capabilities' | 'custom'>,
  globs: Map<string, Glob>,
): CompiledGrant {
  return {
    id: grant.id,
    rules: grant.capabilities.map((capability) => ({
      grantId: grant.id,
      capability,
      glob: capability.models === undefined ? undefined : shared(globs, capability.models),
      allows: capability.models !== undefined,
      // What is malformed was warned of when the config was read.
      addHeaders: (capability.add_headers ?? []).flatMap((line) => {
        const header = readHeaderLine(line);
        return header === undefined ? [] : [header];
      }),
      directPaths: directPatterns(capability.direct_paths).map((pattern) => shared(globs, pattern)),
    })),
    custom: grant.custom,
  };
}

function shared(globs: Map<string, Glob>, pattern: string): Glob {
  let glob = globs.get(pattern);
  if (glob === undefined) {
    glob = compileGlob(pattern);
    globs.set(pattern, glob);
  }
  return glob;
}

import type { ToolPolicy } from '../../contract/guardrail.ts';
import { parseJson } from '../../protocols/json.ts';
import { offeredTools } from '../request/offered-tools.ts';
import type { OfferedTool } from '../request/offered-tools.ts';
import { argumentCheck } from './argument-schema.ts';
import type { Check } from './argument-schema.ts';
import type { Breach } from './breach.ts';
import { fitsOne } from './globs.ts';

/** A policy with its schemas compiled. */
export interface CompiledToolPolicy {
  allow: readonly string[] | undefined;
  deny: readonly string[];
  checks: ReadonlyMap<string, Check>;
}

/** @throws Error with a sentence for a schema that cannot be used; it names the tool. */
export function compileToolPolicy({ allow, deny, arguments: schemas }: ToolPolicy): CompiledToolPolicy {
  const checks = new Map<string, Check>();
  for (const [name, schema] of Object.entries(schemas)) {
    try {
      checks.set(name, argumentCheck(schema));
    } catch (error) {
      throw new Error(`arguments of "${name}": ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
  return { allow, deny, checks };
}

/** The tools of a request that the policy does not allow. */
export function judgeOfferedTools(policy: CompiledToolPolicy, body: Uint8Array): Breach[] {
  return offeredTools(body)
    .filter((tool) => !mayOffer(policy, tool))
    .map(({ name }) => ({ kind: name === '' ? 'unnamed' : name, value: name }));
}

function mayOffer({ allow, deny }: CompiledToolPolicy, { names, anyBelow }: OfferedTool): boolean {
  if (names.flat().some((name) => fitsOne(deny, name))) return false;
  if (anyBelow !== undefined && deny.some((glob) => glob.startsWith(anyBelow))) return false;
  return allow === undefined || names.every((spellings) => spellings.some((name) => fitsOne(allow, name)));
}

/** Why a call that a response makes is refused; undefined where it is not. Tells nothing of what the arguments are. */
export function judgeToolCall(
  { allow, deny, checks }: CompiledToolPolicy,
  call: { name: string; arguments: string },
): string | undefined {
  if (fitsOne(deny, call.name)) return 'the tool is denied';
  if (allow !== undefined && !fitsOne(allow, call.name)) return 'the tool is not among those allowed';
  const check = checks.get(call.name);
  if (check === undefined) return undefined;
  // A call without arguments has an empty text in some APIs.
  const value = call.arguments.trim() === '' ? {} : parseJson(call.arguments);
  return value === undefined ? 'the arguments are no JSON' : check(value, 'arguments');
}

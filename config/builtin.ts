import { z } from 'zod';
import { PERSONAL_KINDS, SECRET_KINDS } from '../src/contract/guardrail.ts';
import type { Builtin, ParameterBounds, TextBuiltin } from '../src/contract/guardrail.ts';
import { textDetector } from '../src/guardrails/text-detector.ts';
import { failed, ok, unreachable } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import type { Path } from './problem.ts';
import type { WrittenBuiltin } from './schema/builtin.ts';

/** What is wrong with a rule, and where in it. The message ends a sentence, and quotes nothing. */
export interface BuiltinFault {
  path: Path;
  message: string;
}

type Written<K extends WrittenBuiltin['kind']> = Extract<WrittenBuiltin, { kind: K }>;
type WrittenText = Written<'personal_data' | 'secrets' | 'words' | 'regex'>;

const TOOL_SCHEMAS = 1_000;
const SCHEMA_BYTES = 64 * 1024;
const BOUNDS = 100;
const NAME_CHARS = 256;

/** Reads a rule whose parts are sound by themselves, or says all that does not fit together. */
export function readBuiltin(written: WrittenBuiltin): Result<Builtin, BuiltinFault[]> {
  const builtin = builtinOf(written);
  const faults = [...faultsOf(written), ...(isText(builtin) ? detectorFaults(builtin) : [])];
  return faults.length > 0 ? failed(faults) : ok(builtin);
}

function builtinOf(written: WrittenBuiltin): Builtin {
  switch (written.kind) {
    case 'personal_data': {
      const { kind, detect, names } = written;
      return { kind, detect: unique(detect ?? PERSONAL_KINDS), names, ...textOf(written) };
    }
    case 'secrets': {
      const { kind, detect } = written;
      return { kind, detect: unique(detect ?? SECRET_KINDS), ...textOf(written) };
    }
    case 'words': {
      const { kind, words, case_sensitive, whole_words } = written;
      return { kind, words, caseSensitive: case_sensitive, wholeWords: whole_words, ...textOf(written) };
    }
    case 'regex': {
      const { kind, patterns, window } = written;
      return { kind, patterns, window, ...textOf(written) };
    }
    case 'tool_policy': {
      const { kind, action, allow, deny } = written;
      return { kind, action, allow, deny, arguments: written.arguments, ...commonOf(written) };
    }
    case 'parameters': {
      const { kind, action } = written;
      return { kind, action, bounds: boundsOf(written), ...commonOf(written) };
    }
    case 'prompt_size': {
      const { kind, action, max_bytes, max_messages } = written;
      return { kind, action, maxBytes: max_bytes, maxMessages: max_messages, ...commonOf(written) };
    }
    case 'prompt_injection':
      return { kind: written.kind, action: 'flag', threshold: written.threshold, ...commonOf(written) };
    case 'language':
      return { kind: written.kind, action: 'flag', allow: unique(written.allow), ...commonOf(written) };
    default:
      return unreachable(written);
  }
}

function commonOf({ sides, shadow, message, status_code }: WrittenBuiltin) {
  return { sides: unique(sides), shadow, message, statusCode: status_code };
}

function textOf(written: WrittenText) {
  const { action, thinking = readsThinking(written) } = written;
  return { action, thinking, ...commonOf(written) };
}

/** Reasoning is signed: where text would be replaced, it is not even read. */
function readsThinking({ action }: WrittenText): boolean {
  return action === 'block' || action === 'flag';
}

function boundsOf({ bounds }: Written<'parameters'>): ParameterBounds['bounds'] {
  return Object.fromEntries(
    Object.entries(bounds).map(([name, { one_of, ...bound }]) => [
      name,
      { ...bound, ...(one_of === undefined ? {} : { oneOf: one_of }) },
    ]),
  );
}

function faultsOf(written: WrittenBuiltin): BuiltinFault[] {
  switch (written.kind) {
    case 'personal_data':
      return [...thinkingFaults(written), ...nameFaults(written)];
    case 'secrets':
    case 'words':
      return thinkingFaults(written);
    case 'regex':
      return [...thinkingFaults(written), ...twiceFaults(written)];
    case 'tool_policy':
      return toolPolicyFaults(written);
    case 'parameters':
      return [...requestOnlyFaults(written), ...parameterFaults(written)];
    case 'prompt_size':
      return [...requestOnlyFaults(written), ...promptSizeFaults(written)];
    case 'prompt_injection':
    case 'language':
      return [...requestOnlyFaults(written), ...flagOnlyFaults(written)];
    default:
      return unreachable(written);
  }
}

function thinkingFaults(written: WrittenText): BuiltinFault[] {
  if (written.thinking !== true || readsThinking(written)) return [];
  const message = `cannot be true with the action ${written.action}: signed blocks are sent back as they came, so nothing in them can be replaced; use block or flag`;
  return [{ path: ['thinking'], message }];
}

/** Named and empty, it would look like a rule and find nothing. */
function nameFaults({ detect, names }: Written<'personal_data'>): BuiltinFault[] {
  if (detect === undefined) return [];
  if (detect.includes('name') && names.length === 0) {
    return [{ path: ['detect', detect.indexOf('name')], message: 'needs "names", which are missing' }];
  }
  if (!detect.includes('name') && names.length > 0) {
    return [{ path: ['names'], message: 'are not looked for: "detect" has no "name"' }];
  }
  return [];
}

function twiceFaults({ patterns }: Written<'regex'>): BuiltinFault[] {
  return patterns.flatMap(({ name }, index): BuiltinFault[] => {
    const isFirst = patterns.findIndex((other) => other.name === name) === index;
    return isFirst ? [] : [{ path: ['patterns', index, 'name'], message: 'is the name of a pattern before it' }];
  });
}

/** A guess must not stop anybody's work, nor be taken for a wall by whoever reads the config. */
function flagOnlyFaults({ kind, action }: Written<'prompt_injection' | 'language'>): BuiltinFault[] {
  if (action === 'flag') return [];
  const message = `cannot be ${action} with a rule of the kind ${kind}: it guesses, and guesses wrong, so it only flags; to refuse, use words, regex or a hook`;
  return [{ path: ['action'], message }];
}

function requestOnlyFaults({
  kind,
  sides,
}: Written<'parameters' | 'prompt_size' | 'prompt_injection' | 'language'>): BuiltinFault[] {
  const index = sides.indexOf('response');
  if (index < 0) return [];
  return [{ path: ['sides', index], message: `cannot be looked at by a rule of the kind ${kind}: requests only` }];
}

function toolPolicyFaults(written: Written<'tool_policy'>): BuiltinFault[] {
  const schemas = Object.entries(written.arguments);
  const faults: BuiltinFault[] = [];
  if (written.allow === undefined && written.deny.length === 0 && schemas.length === 0) {
    faults.push({ path: [], message: 'says nothing: give "allow", "deny" or "arguments"' });
  }
  if (schemas.length > TOOL_SCHEMAS) {
    faults.push({ path: ['arguments'], message: `has more than ${TOOL_SCHEMAS} tools` });
  }
  if (schemas.length > 0 && !written.sides.includes('response')) {
    faults.push({ path: ['arguments'], message: 'are of calls, which stand in responses: "sides" leaves those out' });
  }
  for (const [name, schema] of schemas) {
    const message = schemaFault(schema);
    if (message !== undefined) faults.push({ path: ['arguments', name], message });
  }
  return faults;
}

/** Matching them takes longer than linear time, or is not defined. */
const REFUSED_KEYWORDS = ['pattern', 'patternProperties', 'format'];

function schemaFault(schema: Record<string, unknown>): string | undefined {
  if (Buffer.byteLength(JSON.stringify(schema)) > SCHEMA_BYTES) return `is longer than ${SCHEMA_BYTES} bytes`;
  const keyword = REFUSED_KEYWORDS.find((name) => holdsKeyword(schema, name));
  if (keyword !== undefined) return `must not use "${keyword}"`;
  try {
    z.fromJSONSchema(schema);
    return undefined;
  } catch {
    return 'is no JSON schema that can be used here';
  }
}

/** A property may bear such a name; a keyword stands elsewhere than right below `properties`. */
function holdsKeyword(node: unknown, name: string, areNames = false): boolean {
  if (Array.isArray(node)) return node.some((each) => holdsKeyword(each, name));
  if (typeof node !== 'object' || node === null) return false;
  return Object.entries(node).some(
    ([key, value]) => (!areNames && key === name) || holdsKeyword(value, name, !areNames && key === 'properties'),
  );
}

function parameterFaults({ bounds }: Written<'parameters'>): BuiltinFault[] {
  const entries = Object.entries(bounds);
  if (entries.length === 0) return [{ path: ['bounds'], message: 'is empty' }];
  if (entries.length > BOUNDS) return [{ path: ['bounds'], message: `has more than ${BOUNDS} parameters` }];
  return entries.flatMap(([name, { min, max, one_of, forbidden }]): BuiltinFault[] => {
    const path = ['bounds', name];
    if (name.length > NAME_CHARS || name.split('.').includes('')) {
      return [{ path, message: 'is not under the name of a parameter, such as "generationConfig.topK"' }];
    }
    const bounded = min !== undefined || max !== undefined || one_of !== undefined;
    if (!bounded && forbidden !== true) return [{ path, message: 'says nothing' }];
    if (bounded && forbidden === true) return [{ path, message: 'forbids the parameter and bounds it' }];
    if (min !== undefined && max !== undefined && min > max) return [{ path, message: 'has a "min" above its "max"' }];
    return [];
  });
}

function promptSizeFaults({ max_bytes, max_messages }: Written<'prompt_size'>): BuiltinFault[] {
  if (max_bytes !== undefined || max_messages !== undefined) return [];
  return [{ path: [], message: 'says nothing: give "max_bytes" or "max_messages"' }];
}

function isText(builtin: Builtin): builtin is TextBuiltin {
  return 'thinking' in builtin;
}

/** What the detectors cannot be made of. */
function detectorFaults(builtin: TextBuiltin): BuiltinFault[] {
  if (builtin.kind !== 'regex') {
    return detectorFault(builtin) === undefined ? [] : [{ path: [], message: 'cannot be looked for as it is' }];
  }
  return builtin.patterns.flatMap((each, index): BuiltinFault[] => {
    const why = detectorFault({ ...builtin, patterns: [each] });
    if (why === undefined) return [];
    const bare = why.replaceAll(each.pattern, '…').slice(0, 200);
    return [{ path: ['patterns', index, 'pattern'], message: `cannot be used: ${bare}` }];
  });
}

function detectorFault(builtin: TextBuiltin): string | undefined {
  try {
    textDetector(builtin);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'it is not understood';
  }
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

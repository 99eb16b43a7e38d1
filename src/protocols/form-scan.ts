import { isAscii, isUtf8 } from 'node:buffer';
import type { Api } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import type { BodyFields } from '../contract/messages.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { fold } from './body-keys.ts';
import { modelNameFault } from './body-scan.ts';
import { arrayOf, parseJson } from './json.ts';
import { formParts } from './multipart.ts';
import type { FormPart } from './multipart.ts';
import { formResources } from './resources/named-resources.ts';

/** Take a multipart form as well as JSON, or nothing else. */
const FORM_APIS: ReadonlySet<Api> = new Set<Api>(['openai_images', 'openai_transcriptions']);

/** Fields whose value is used; another spelling of one is refused, as another server might read it. */
const USED: ReadonlySet<string> = new Set(['model', 'stream', 'n']);
/** Select a model elsewhere, or say how the others are to be read. */
const NOT_TAKEN: ReadonlySet<string> = new Set(['models', 'fallbacks', '_charset_']);
/** Where files stand that are no text: sounds and pictures. */
const FILES: ReadonlySet<string> = new Set(['file', 'image', 'mask']);

const YES = /^(?:true|1|yes|on|t|y)$/i;
const NO = /^(?:false|0|no|off|f|n|)$/i;
const COUNT = /^\d{1,9}$/;
const CHARSET = /charset\s*=\s*"?([^\s";]*)/gi;

/** A form of the other sort is none that is taken: it must not pass as JSON, which it can be at the same time. */
const ANY_FORM = /multipart|urlencoded/i;

/** The content type of a request whose body is a form; undefined where it is to be read as JSON. */
export function formTypeOf(api: Api, headers: Iterable<readonly [string, string]>): string | undefined {
  if (!FORM_APIS.has(api)) return undefined;
  const types = [...headers].filter(([name]) => name === 'content-type').map(([, value]) => value);
  // Of two, the provider may obey either: together they are none that is taken.
  return types.some((type) => ANY_FORM.test(type)) ? types.join(', ') : undefined;
}

/** The parts of a form, checked as those of this gateway's APIs: nothing that a provider could read in another way. */
export function scannedParts(contentType: string, body: Uint8Array): Result<FormPart[], Fault> {
  const parts = formParts(contentType, body);
  if (!parts.ok) return parts;
  for (const part of parts.value) {
    const fault = faultIn(part);
    if (fault !== undefined) return failed({ code: 'body_bad_field', field: part.name, why: fault });
  }
  return parts;
}

/** What `scanBody` reads of JSON, read of a form. */
export function scanForm(contentType: string, body: Uint8Array): Result<BodyFields, Fault> {
  const parts = scannedParts(contentType, body);
  if (!parts.ok) return parts;
  const spans: BodyFields['spans'] = {};
  for (const { name, start, end } of parts.value) {
    if (USED.has(name)) spans[name] = { keyStart: start, valueStart: start, valueEnd: end };
  }
  const textOf = (name: string): string | undefined =>
    parts.value.find((part) => part.name === name)?.body.toString('utf8');
  const resources = formResources(parts.value.filter(({ fileNames }) => fileNames === undefined));
  const bytesOf = (isFile: boolean): number =>
    parts.value.reduce(
      (sum, { body: { length }, fileNames }) => sum + (isFile === (fileNames !== undefined) ? length : 0),
      0,
    );
  return ok({
    objectStart: 0,
    empty: parts.value.length === 0,
    spans,
    model: textOf('model'),
    otherModels: [],
    stream: YES.test(textOf('stream')?.trim() ?? ''),
    includeUsage: undefined,
    form: { textBytes: bytesOf(false), fileBytes: bytesOf(true) },
    ...(resources.length === 0 ? {} : { resources }),
  });
}

function faultIn({ name, body, fileNames, contentType }: FormPart): string | undefined {
  const base = fold(name.replace(/\[.*$/s, '').trim());
  if (NOT_TAKEN.has(base)) return 'has no place in a form';
  if (USED.has(base) && name !== base) return `must be spelt "${base}"`;
  if (fileNames !== undefined) return FILES.has(base) ? undefined : 'must be no file';
  if (!isUtf8(body)) return 'is not UTF-8';
  const charsets = [...(contentType ?? '').matchAll(CHARSET)].map(([, charset]) => charset ?? '');
  // What some clients write before every text is as good as the other, as long as it is ASCII.
  const taken = isAscii(body) ? /^(?:utf-?8|us-ascii|iso-8859-1)$/i : /^utf-?8$/i;
  if (!charsets.every((charset) => taken.test(charset))) return 'must be UTF-8';
  switch (name) {
    case 'model':
      return modelNameFault(body.toString('utf8'));
    case 'stream': {
      const said = body.toString('utf8').trim();
      return YES.test(said) || NO.test(said) ? undefined : 'must be true or false';
    }
    case 'n':
      return COUNT.test(body.toString('latin1')) ? undefined : 'must be a whole number';
    default:
      return undefined;
  }
}

/**
 * A form as JSON, for rules and hooks, which know no other: its texts as values, a list as a list, and of a file its name,
 * type and size. Undefined where it is no form.
 */
export function formView(contentType: string, body: Uint8Array): Record<string, unknown> | undefined {
  const parts = scannedParts(contentType, body);
  if (!parts.ok) return undefined;
  const view = new Map<string, unknown>();
  for (const part of parts.value) {
    const list = /^(.*)\[\d*\]$/s.exec(part.name)?.[1];
    const value = valueOf(part, body);
    if (list === undefined) view.set(part.name, value);
    else view.set(list, [...arrayOf(view.get(list)), value]);
  }
  return Object.fromEntries(view);
}

/** Numbers and truth values as what they mean. */
function valueOf({ body, fileNames, contentType }: FormPart, whole: Uint8Array): unknown {
  if (fileNames === undefined) {
    const text = body.toString('utf8');
    return /^(?:-?\d{1,15}(?:\.\d{1,15})?|true|false)$/.test(text) ? (parseJson(text) ?? text) : text;
  }
  const [named] = fileNames;
  const filename =
    named === undefined
      ? ''
      : Buffer.from(whole.subarray(named.start, named.end)).toString('utf8').replace(/^"|"$/g, '');
  return { filename, content_type: contentType ?? null, bytes: body.length };
}

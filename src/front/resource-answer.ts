import type { BatchRef } from '../contract/batch.ts';
import type { Edit } from '../contract/exchange.ts';
import type { Fault } from '../contract/fault.ts';
import type { NamedResource, ResourceNote } from '../contract/resource.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { filesInList, keptOf, listed, toldIn, withOwnAddresses } from '../protocols/resources/answers.ts';
import type { Answered, AnswerReader } from '../proxy/client.ts';
import { parameterOf } from '../lib/query.ts';
import type { Holder, Resources } from '../resources/resources.ts';
import type { AskedResource } from './resource-life.ts';
import { uploadIdOf } from '../protocols/resources/endpoints.ts';

/** A list of 10,000 files, OpenAI's longest page, has about 3 MB. */
const HELD_BYTES = 16 * 1024 * 1024;

/** Behind whatever the provider's base URL has before it. */
const UPLOAD_PATH = /\/upload\/v1(?:beta|alpha)?\/files$/;
const UPLOAD_URL = 'x-goog-upload-url';

/** What the answer to a request about what providers keep is read for, and what of it reaches the caller. */
export function answerReader(
  resources: Resources,
  { call, batchFile, models }: AskedResource,
  holder: Holder,
  /** The gateway, as the client called it. */
  ownOrigin: string,
  nowMs: () => number,
  /** A bug of ours, which ends this request alone. */
  faultOf: (error: unknown) => Fault,
): AnswerReader {
  const { endpoint } = call;
  const reader = { resources, endpoint, holder, ownOrigin, batchFile, models, nowMs };
  return {
    heldBytes: endpoint.answer === 'passed' ? undefined : HELD_BYTES,
    // A batch of Gemini's may have all of its answers in it, and names no file then.
    mayPass: endpoint.api === 'gemini_batches' && endpoint.answer === 'told',
    read: async (status, headers, body) => {
      const answered: Answered = { headers, body, edits: [], notes: [] };
      if (status < 200 || status > 299) return ok(answered);
      try {
        const read = await readAnswer(reader, call.ids, answered);
        if (read.ok) await resources.note(read.value.notes, holder);
        return read;
      } catch (error) {
        return failed(faultOf(error));
      }
    },
  };
}

interface Reader {
  resources: Resources;
  endpoint: AskedResource['call']['endpoint'];
  holder: Holder;
  ownOrigin: string;
  batchFile: string[] | undefined;
  models: string[];
  nowMs: () => number;
}

async function readAnswer(
  reader: Reader,
  ids: readonly NamedResource[],
  answered: Answered,
): Promise<Result<Answered, Fault>> {
  const { endpoint } = reader;
  if (endpoint.does === 'delete') {
    const deleted = ids.filter(({ kind }) => kind === endpoint.kind);
    answered.notes = deleted.map((resource) => ({ op: 'deleted', ...resource, at_ms: reader.nowMs() }));
  }
  switch (endpoint.answer) {
    case 'passed':
      return ok(answered);
    case 'listed':
      return withOwnItems(reader, answered);
    case 'made':
    case 'told':
      return ok(withAddresses(reader, withUploadUrl(reader, withNotes(reader, ids, answered))));
  }
}

function withNotes(reader: Reader, ids: readonly NamedResource[], answered: Answered): Answered {
  const { endpoint, batchFile, nowMs } = reader;
  const told = toldIn(endpoint, answered.body);
  const made = told?.made ?? [];
  const about = [...ids, ...made].find(({ kind }) => kind === 'batch');
  const batch = endpoint.kind === 'batch' && about !== undefined ? batchOf(reader, about.id) : undefined;
  const notes = made.flatMap((resource): ResourceNote[] => {
    if (endpoint.answer === 'told' && isNoted(reader, resource)) return [];
    const expires = told?.expiresAtMs === undefined ? {} : { expires_at_ms: told.expiresAtMs };
    const models = batchFile === undefined ? {} : { models: batchFile };
    const ofBatch = batch === undefined ? {} : { batch };
    return [{ op: 'made', ...resource, at_ms: nowMs(), ...expires, ...models, ...ofBatch }];
  });
  return { ...answered, notes: [...answered.notes, ...notes] };
}

/** Known as what it is: of a file of a batch, builds before this one did not note which made it. */
function isNoted({ resources, holder }: Reader, resource: NamedResource): boolean {
  const known = resources.known(resource, holder);
  return known !== undefined && (resource.kind !== 'file' || known.batch !== undefined);
}

/** The model where it is one: of a batch that is made by what its requests name, of an earlier one as it was noted then. */
function batchOf({ resources, endpoint, holder, models }: Reader, id: string): BatchRef {
  const [only, another] = models;
  if (endpoint.does === 'make') return { id, model: another === undefined ? (only ?? '') : '' };
  return { id, model: resources.known({ kind: 'batch', id }, holder)?.batch?.model ?? '' };
}

/** The list without what is not the caller's: others' files, and what nobody here made. */
async function withOwnItems(reader: Reader, answered: Answered): Promise<Result<Answered, Fault>> {
  const { resources, endpoint, holder } = reader;
  const { login, provider } = holder;
  const items = listed(endpoint, answered.body);
  if (items === undefined) return failed({ code: 'upstream_invalid', provider, why: 'its list could not be read' });
  const ids = items.map(({ id }) => id).filter((id) => id !== '');
  const own = await resources.own({ kind: endpoint.kind, ids, login, provider });
  if (!own.ok) return own;
  const kept = items.filter(({ id }) => own.value.has(id));
  const notes = endpoint.kind === 'batch' ? filesOf(reader, filesInList(answered.body, kept)) : [];
  const body = keptOf(endpoint.api, answered.body, items, ({ id }) => own.value.has(id));
  const dropped = items.length - kept.length;
  const edit: Edit = { kind: 'list_filter', side: 'response', detail: `${dropped} of ${items.length} left out` };
  const edits = dropped === 0 ? answered.edits : [...answered.edits, edit];
  return ok(withAddresses(reader, { ...answered, body, edits, notes }));
}

/** A batch tells of its files each time that it is read. */
function filesOf(reader: Reader, files: readonly { batch: string; file: NamedResource }[]): ResourceNote[] {
  const fresh = files.filter(({ file }) => !isNoted(reader, file));
  return fresh.map(({ batch, file }) => ({
    op: 'made',
    ...file,
    at_ms: reader.nowMs(),
    batch: batchOf(reader, batch),
  }));
}

/** Addresses of Anthropic's in an answer lead to us. */
function withAddresses({ endpoint, ownOrigin }: Reader, answered: Answered): Answered {
  if (endpoint.api !== 'anthropic_batches') return answered;
  const { body, replaced } = withOwnAddresses(answered.body, ownOrigin);
  if (replaced === 0) return answered;
  return { ...answered, body, edits: [...answered.edits, ownUrl('results_url')] };
}

/**
 * Where Google wants the bytes of a file: an address of its own, good for whoever has it. The client gets ours in its place, and
 * the id of the upload is the caller's.
 */
function withUploadUrl({ endpoint, ownOrigin, nowMs }: Reader, answered: Answered): Answered {
  const [, given] = answered.headers.find(([name]) => name === UPLOAD_URL) ?? [];
  if (given === undefined) return answered;
  const rest = answered.headers.filter(([name]) => name !== UPLOAD_URL && name !== 'x-goog-upload-control-url');
  const { pathname, search } = new URL(URL.canParse(given) ? given : 'none:/');
  const query = search.slice(1);
  const id = uploadIdOf(query);
  if (endpoint.api !== 'gemini_files' || id === undefined) return { ...answered, headers: rest };
  const kept = query.split('&').filter((part) => KEPT.has(parameterOf(part).name));
  const path = `${UPLOAD_PATH.exec(pathname)?.[0] ?? endpoint.path}?${kept.join('&')}`;
  return {
    ...answered,
    headers: [...rest, [UPLOAD_URL, ownOrigin + path]],
    edits: [...answered.edits, ownUrl(UPLOAD_URL)],
    notes: [...answered.notes, { op: 'made', kind: 'upload', id, at_ms: nowMs() }],
  };
}

/** What the address of an upload is made of; a key that stands in it stays here. */
const KEPT: ReadonlySet<string> = new Set(['upload_id', 'upload_protocol', 'uploadtype']);

function ownUrl(what: string): Edit {
  return { kind: 'own_url', side: 'response', detail: `${what} leads to the gateway` };
}

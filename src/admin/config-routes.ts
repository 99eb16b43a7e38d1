import { z } from 'zod';
import { answerTo } from '../contract/fault.ts';
import type { Fault } from '../contract/fault.ts';
import type { AdminAnswer, AdminQuestion } from '../contract/question.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { unreachable } from '../lib/result.ts';
import { plainFaults } from '../protocols/plain-fault.ts';
import { isAway } from '../store/database.ts';
import type { ConfigDesk, Saved, Verdict } from './config-desk.ts';

export interface ConfigParts {
  desk: ConfigDesk;
  log: Log;
}

/** A sentence about why. */
const Note = z.string().max(500).default('');
const Text = z.object({ config: z.string() });
const Save = Text.extend({ hash: z.string(), note: Note });
/** Which version: by `number`, or by its hash in `to`. `hash` is the current one's, as in a save. */
const Rollback = z.union([
  z.strictObject({ number: z.int().positive(), hash: z.string(), note: Note }),
  z.strictObject({ to: z.string(), hash: z.string(), note: Note }),
]);
const Page = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  before: z.coerce.number().int().positive().optional(),
});

/** Answers a question about the config. Never rejects: what goes wrong is an answer too. */
export async function answerConfig({ desk, log }: ConfigParts, question: AdminQuestion): Promise<AdminAnswer> {
  if (question.role !== 'admin') return refusal({ code: 'forbidden', what: 'the config is for admins' });
  try {
    return await route(desk, question);
  } catch (error) {
    if (error instanceof BadRequest) return refusal({ code: 'bad_parameter', name: error.name, why: error.message });
    // 42P01: tables that a first start has not made yet.
    if (isAway(error) || (error instanceof Error && 'code' in error && error.code === '42P01')) {
      log.warn({ error: errorChain(error) }, 'an admin asked while the database was away');
      return refusal({
        code: 'store_unavailable',
        why: 'it does not answer; look at what holds before you save again',
      });
    }
    const reference = crypto.randomUUID();
    log.error({ error: errorChain(error), reference }, "an admin's question failed");
    return refusal({ code: 'internal', reference });
  }
}

function refusal(fault: Fault, more: Record<string, unknown> = {}): AdminAnswer {
  const { status, body } = plainFaults.shape(answerTo(fault), '');
  return { status, body: JSON.stringify({ ...z.record(z.string(), z.unknown()).parse(JSON.parse(body)), ...more }) };
}

class BadRequest extends Error {
  constructor(name: string, why: string) {
    super(why);
    this.name = name;
  }
}

async function route(desk: ConfigDesk, question: AdminQuestion): Promise<AdminAnswer> {
  const { method, path } = question;
  switch (path) {
    case '/api/config':
      if (method === 'GET') return answer({ ...shownConfig(desk), exists: true, ...about(desk) });
      return method === 'PUT' ? save(desk, question) : wrongMethod(question, 'GET, PUT');
    case '/aperture/config':
      if (method === 'GET') return answer(shownConfig(desk));
      return method === 'PUT' ? save(desk, question) : wrongMethod(question, 'GET, PUT');
    case '/aperture/config:validate':
      return method === 'POST' ? validate(desk, question) : wrongMethod(question, 'POST');
    case '/api/config/versions':
      return method === 'GET' ? versions(desk, question) : wrongMethod(question, 'GET');
    case '/api/config/rollback':
      return method === 'POST' ? rollback(desk, question) : wrongMethod(question, 'POST');
    default:
      break;
  }
  const number = /^\/api\/config\/versions\/(\d{1,15})$/.exec(path)?.[1];
  if (number === undefined) return refusal({ code: 'path_unknown', method, path: path.slice(0, 255) });
  return method === 'GET' ? version(desk, Number(number)) : wrongMethod(question, 'GET');
}

function shownConfig(desk: ConfigDesk): { config: string; hash: string } {
  const { text, hash } = desk.current();
  return { config: text, hash };
}

/** For the pages: which version it is (0 while it is not recorded), and whether it can be saved at all. */
function about(desk: ConfigDesk): { number: number; read_only: boolean } {
  return { number: desk.current().number, read_only: desk.isReadonly };
}

async function save(desk: ConfigDesk, { body, caller }: AdminQuestion): Promise<AdminAnswer> {
  const { config, hash, note } = bodyAs(Save, body);
  return answerSaved(await desk.save({ text: config, hash, note, caller }));
}

function validate(desk: ConfigDesk, { body, caller }: AdminQuestion): AdminAnswer {
  const { errors, warnings } = desk.check(bodyAs(Text, body).config, caller);
  return answer({ Valid: errors.length === 0, errors, warnings });
}

async function rollback(desk: ConfigDesk, { body, caller }: AdminQuestion): Promise<AdminAnswer> {
  const { hash, note, ...asked } = bodyAs(Rollback, body);
  const which = 'number' in asked ? asked : { hash: asked.to };
  const saved = await desk.rollback(which, { hash, note, caller });
  return saved === undefined ? refusal({ code: 'not_found', what: 'the config version' }) : answerSaved(saved);
}

async function versions(desk: ConfigDesk, { query }: AdminQuestion): Promise<AdminAnswer> {
  const page = Page.safeParse(Object.fromEntries(new URLSearchParams(query)));
  if (!page.success) throw badRequest(page.error);
  const { limit, before } = page.data;
  const items = await desk.versions(before, limit);
  const next = items.length === limit ? (items.at(-1)?.number ?? null) : null;
  return answer({ items, next });
}

async function version(desk: ConfigDesk, number: number): Promise<AdminAnswer> {
  const found = await desk.version(number);
  return found === undefined ? refusal({ code: 'not_found', what: 'the config version' }) : answer(found);
}

function answerSaved(saved: Saved): AdminAnswer {
  switch (saved.kind) {
    case 'saved': {
      const { config, warnings, needsRestart } = saved;
      const { number, hash } = config;
      return answer({ success: true, hash, number, warnings, needs_restart: needsRestart });
    }
    case 'refused':
      return refusal({ code: 'config_refused', why: summary(saved.verdict) }, { success: false, ...saved.verdict });
    case 'conflict':
      return refusal({ code: 'config_conflict', hash: saved.hash }, { success: false, hash: saved.hash });
    case 'readonly':
      return refusal({ code: 'config_readonly' }, { success: false });
    case 'unwritable':
      return refusal({ code: 'config_unwritable', why: saved.why }, { success: false });
    default:
      return unreachable(saved);
  }
}

function summary({ errors }: Verdict): string {
  const [first, ...others] = errors;
  const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
  return `${where}${first?.message ?? ''}${others.length === 0 ? '' : ` (and ${others.length} more)`}`;
}

/** Messages of ours only: what was sent may hold keys. */
function bodyAs<T>(schema: z.ZodType<T>, body: Uint8Array): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    throw new BadRequest('body', 'is not JSON in UTF-8');
  }
  const read = schema.safeParse(value);
  if (!read.success) throw badRequest(read.error);
  return read.data;
}

function badRequest({ issues }: z.ZodError): BadRequest {
  const [issue] = issues;
  return new BadRequest(issue?.path.join('.') ?? 'body', issue?.code ?? 'is not what is taken here');
}

function wrongMethod({ method, path }: AdminQuestion, allow: string): AdminAnswer {
  return refusal({ code: 'method_not_allowed', method, path: path.slice(0, 255), allow });
}

function answer(body: unknown): AdminAnswer {
  return { status: 200, body: JSON.stringify(body) };
}

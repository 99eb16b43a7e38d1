import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { Fault } from '../../contract/fault.ts';
import { BATCH_FILE_MODELS } from '../../contract/resource.ts';
import type { NamedResource } from '../../contract/resource.ts';
import { failed, ok } from '../../lib/result.ts';
import type { Result } from '../../lib/result.ts';
import { scanBody } from '../body-scan.ts';
import { skipSpace } from '../json-walk.ts';
import { onlyMember } from './batch-models.ts';

/** What the lines of a file for a batch can select and name. */
export interface BatchFile {
  models: string[];
  resources: NamedResource[];
}

/** Objects that all lines together may name. */
const NAMED_MAX = 512;
/** Others have their turn after so much: about a millisecond. */
const TURN_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;

/** Reads a file for an OpenAI batch line by line: each is `{custom_id, method, url, body}`, and judged as by itself. */
export async function readBatchFile(file: Buffer): Promise<Result<BatchFile, Fault>> {
  const models = new Set<string>();
  const resources = new Map<string, NamedResource>();
  let untilTurn = TURN_BYTES;
  for (let at = 0, number = 1; at < file.length; number += 1) {
    const feed = file.indexOf(LINE_FEED, at);
    const end = feed < 0 ? file.length : feed;
    const line = file.subarray(at, end);
    at = end + 1;
    if (skipSpace(line, 0) === line.length) continue;
    const read = readLine(line);
    if (!read.ok) return inLine(number, read.fault);
    for (const model of read.value.models) models.add(model);
    for (const named of read.value.resources) resources.set(`${named.kind} ${named.id}`, named);
    if (models.size > BATCH_FILE_MODELS) return bad(`the file names more than ${BATCH_FILE_MODELS} models`);
    if (resources.size > NAMED_MAX) return bad(`the file names more than ${NAMED_MAX} objects`);
    untilTurn -= line.length;
    if (untilTurn > 0) continue;
    await turnOfTheLoop();
    untilTurn = TURN_BYTES;
  }
  return ok({ models: [...models], resources: [...resources.values()] });
}

/** Whatever the line's `url` says: what selects a model or names an object is judged as in Responses, which has most of it. */
function readLine(line: Buffer): Result<BatchFile, Fault> {
  const whole = scanBody('openai_batches', line);
  if (!whole.ok) return whole;
  const body = onlyMember(line, skipSpace(line, 0), 'body');
  if (body === undefined) return bad('a line has no body, or two');
  const resources: NamedResource[] = [...(whole.value.resources ?? [])];
  const scanned = scanBody('openai_responses', body);
  if (!scanned.ok) return scanned;
  const { model, otherModels, spans } = scanned.value;
  if (model === undefined) return failed({ code: 'model_missing' });
  // A response of another caller's would be continued, and nobody asks there whose it is.
  if (spans['previous_response_id'] !== undefined) return bad('a line of a batch may not continue a response');
  resources.push(...(scanned.value.resources ?? []));
  return ok({ models: [model, ...otherModels], resources });
}

function inLine(number: number, fault: Fault): Result<never, Fault> {
  const why = 'why' in fault && typeof fault.why === 'string' ? fault.why : fault.code;
  return bad(`line ${number}: ${why}`);
}

function bad(why: string): Result<never, Fault> {
  return failed({ code: 'body_bad_field', field: 'file', why });
}

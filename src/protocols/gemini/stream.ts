import type { ProviderError, ResponseFacts } from '../../contract/facts.ts';
import { isObject, mergeFields, objectOf, objectsOf, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import { providerError } from '../provider-error.ts';
import type { Assembly } from '../reader.ts';
import { flag } from '../tally.ts';
import { factsOfGenerate } from './unary.ts';

/** The API's own limit for `candidateCount` is 8. */
const CANDIDATES_MAX = 64;

/** Members whose last value stands for the whole response. */
const HEAD_MEMBERS = ['modelVersion', 'responseId', 'createTime', 'promptFeedback'];
const CANDIDATE_MEMBERS = [
  'finishReason',
  'finishMessage',
  'safetyRatings',
  'citationMetadata',
  'groundingMetadata',
  'urlContextMetadata',
  'avgLogprobs',
  'tokenCount',
];

interface Candidate {
  members: JsonObject;
  role: string;
  parts: JsonObject[];
}

/** Chunks -> `GenerateContentResponse`: parts in a row, counts as last reported. */
export class GenerateAssembly implements Assembly {
  readonly #keep = new Keep();
  readonly #head: JsonObject = {};
  readonly #candidates = new Map<number, Candidate>();
  readonly #usage: JsonObject = {};
  #error: ProviderError | null = null;

  accept(chunk: JsonObject, chars: number): void {
    for (const member of HEAD_MEMBERS) this.#keep.set(this.#head, member, chunk[member], chars);
    for (const piece of objectsOf(chunk['candidates'])) this.#addToCandidate(piece, chars);
    // Cumulative, on nearly every chunk: the last value per field, never a sum.
    if (isObject(chunk['usageMetadata'])) mergeFields(this.#usage, chunk['usageMetadata']);
    if (isObject(chunk['error'])) this.#error ??= providerError('stream', chunk);
  }

  done(): void {
    // Not a word of this API.
  }

  facts(how: 'complete' | 'cut'): ResponseFacts {
    const facts = factsOfGenerate(this.rebuilt());
    // The stream has no terminal event: it ended well when its candidate did, and the body with it.
    const stopped = facts.stop_reason !== null && this.#error === null;
    if (facts.usage !== null) facts.usage_state = stopped ? 'final' : 'partial';
    facts.complete = stopped && how === 'complete';
    if (this.#error !== null) {
      facts.error = this.#error;
      facts.stop_reason = { raw: facts.stop_reason?.raw ?? '', canonical: 'error' };
    }
    if (this.#keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  rebuilt(): unknown {
    const whole: JsonObject = {};
    const candidates = [...this.#candidates].sort(([a], [b]) => a - b);
    if (candidates.length > 0) {
      whole['candidates'] = candidates.map(([index, { members, role, parts }]) => ({
        content: { parts, role },
        ...members,
        index,
      }));
    }
    if (Object.keys(this.#usage).length > 0) whole['usageMetadata'] = this.#usage;
    return { ...whole, ...this.#head };
  }

  #addToCandidate(piece: JsonObject, chars: number): void {
    const index = typeof piece['index'] === 'number' ? piece['index'] : 0;
    let candidate = this.#candidates.get(index);
    if (candidate === undefined) {
      if (this.#candidates.size >= CANDIDATES_MAX) return;
      candidate = { members: {}, role: 'model', parts: [] };
      this.#candidates.set(index, candidate);
    }
    for (const member of CANDIDATE_MEMBERS) this.#keep.set(candidate.members, member, piece[member], chars);
    const content = objectOf(piece['content']);
    candidate.role = textOrNull(content['role']) ?? candidate.role;
    for (const part of objectsOf(content['parts'])) this.#addPart(candidate.parts, part, chars);
  }

  #addPart(parts: JsonObject[], part: JsonObject, chars: number): void {
    const last = parts.at(-1);
    if (last !== undefined && isPlainText(last) && isPlainText(part) && last['thought'] === part['thought']) {
      this.#keep.append(last, 'text', textOf(part['text']));
    } else if (this.#keep.take(chars)) parts.push({ ...part });
  }
}

/** A part of text and nothing else; a signature, for one, belongs to its own part. */
function isPlainText(part: JsonObject): boolean {
  return typeof part['text'] === 'string' && Object.keys(part).every((key) => key === 'text' || key === 'thought');
}

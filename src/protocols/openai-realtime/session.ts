import type { ProviderError, ResponseFacts, ToolCall } from '../../contract/facts.ts';
import type { StopReason } from '../../contract/usage.ts';
import { emptyResponseFacts } from '../facts.ts';
import { countOrNull, isObject, objectOf, objectsOf, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import { providerError } from '../provider-error.ts';
import type { Assembly } from '../reader.ts';
import { detail, flag } from '../tally.ts';
import { usageOfRealtime } from './usage.ts';

export const TRANSCRIBED = 'conversation.item.input_audio_transcription.completed';
export const RESPONSE_CREATED = 'response.created';
export const RESPONSE_DONE = 'response.done';

const INCOMPLETE_REASONS: Record<string, StopReason> = {
  max_output_tokens: 'length',
  content_filter: 'content_filter',
};

/** The provider's messages of one turn. Its last one repeats the whole response, but for the sound. */
export class RealtimeAssembly implements Assembly {
  readonly #keep = new Keep();
  #response: JsonObject = {};
  #transcription: JsonObject | undefined;
  #terminator: string | null = null;
  #error: ProviderError | null = null;

  accept(event: JsonObject, chars: number): void {
    if (this.#terminator !== null) return;
    const type = textOf(event['type']);
    switch (type) {
      case RESPONSE_CREATED:
        if (this.#keep.take(chars)) this.#response = objectOf(event['response']);
        return;
      case RESPONSE_DONE:
        // Kept whatever its size: it has the numbers, and one event is bounded by the event reader.
        this.#response = objectOf(event['response']);
        this.#terminator = type;
        return;
      case TRANSCRIBED:
        // Another turn's, where a response is under way: this one has its numbers.
        if (Object.keys(this.#response).length > 0) return;
        this.#transcription = event;
        this.#terminator = type;
        return;
      case 'error':
        this.#error ??= providerError('stream', event);
        return;
      default:
        return;
    }
  }

  done(): void {
    // Not a word of this API.
  }

  facts(): ResponseFacts {
    const facts = this.#transcription === undefined ? this.#ofResponse() : ofTranscription(this.#transcription);
    facts.terminator = this.#terminator;
    facts.complete = this.#terminator !== null;
    if (!facts.complete) {
      facts.stop_reason = null;
      // Most errors of a session end no turn: what ended has its own word.
      facts.error ??= this.#error;
      if (facts.usage !== null) facts.usage_state = 'partial';
    }
    if (this.#keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  rebuilt(): unknown {
    return this.#transcription ?? this.#response;
  }

  #ofResponse(): ResponseFacts {
    const facts = emptyResponseFacts();
    const response = this.#response;
    const items = objectsOf(response['output']);
    facts.response_id = textOrNull(response['id']);
    facts.model_served = textOrNull(response['model']);
    facts.text = items.flatMap(({ content }) => objectsOf(content).map(saidIn)).join('');
    facts.tool_calls = items.flatMap(toolCallOf);
    facts.usage = usageOfRealtime(response['usage'], facts.usage_flags);
    facts.usage_state = facts.usage === null ? 'absent' : 'final';
    const details = objectOf(response['status_details']);
    const status = textOrNull(response['status']);
    if (status !== null) facts.stop_reason = stopOf(status, textOrNull(details['reason']), facts.tool_calls.length > 0);
    if (isObject(details['error'])) facts.error = providerError('stream', details);
    return facts;
  }
}

/** Charged as the model that wrote it down, which the message does not name. */
function ofTranscription(event: JsonObject): ResponseFacts {
  const facts = emptyResponseFacts();
  facts.text = textOf(event['transcript']);
  facts.usage = usageOfRealtime(event['usage'], facts.usage_flags);
  facts.usage_state = facts.usage === null ? 'absent' : 'final';
  detail(facts.usage_detail, 'seconds', countOrNull(objectOf(event['usage'])['seconds']));
  return facts;
}

function saidIn(part: JsonObject): string {
  return textOf(part['text']) || textOf(part['transcript']);
}

function toolCallOf(item: JsonObject): ToolCall[] {
  if (item['type'] !== 'function_call') return [];
  return [{ id: textOrNull(item['call_id']), name: textOf(item['name']), arguments: textOf(item['arguments']) }];
}

function stopOf(status: string, reason: string | null, calls: boolean): ResponseFacts['stop_reason'] {
  const raw = reason === null ? status : `${status}:${reason}`;
  switch (status) {
    case 'completed':
      return { raw, canonical: calls ? 'tool_use' : 'stop' };
    case 'incomplete': {
      const known = reason !== null && Object.hasOwn(INCOMPLETE_REASONS, reason) ? INCOMPLETE_REASONS[reason] : null;
      return { raw, canonical: known ?? null };
    }
    case 'failed':
      return { raw, canonical: 'error' };
    case 'cancelled':
      return { raw, canonical: 'cancelled' };
    default:
      return { raw, canonical: null };
  }
}

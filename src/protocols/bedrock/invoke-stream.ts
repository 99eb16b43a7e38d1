import type { ResponseFacts } from '../../contract/facts.ts';
import { MessageAssembly } from '../anthropic-messages/stream.ts';
import { emptyResponseFacts } from '../facts.ts';
import { mergeFields, objectOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { Keep } from '../keep.ts';
import { ChatAssembly } from '../openai-chat/stream.ts';
import type { Assembly } from '../reader.ts';
import { flag } from '../tally.ts';
import { ConverseAssembly } from './converse-stream.ts';
import { factsOfText, stopIn } from './invoke.ts';
import { usageOfMetrics } from './usage.ts';

const METRICS = 'amazon-bedrock-invocationMetrics';

/** The vendor's own events, out of the chunks that carry them: the first one tells whose they are. */
export class InvokeAssembly implements Assembly {
  #inner: Assembly | undefined;
  readonly #metrics: JsonObject = {};

  accept(event: JsonObject, chars: number): void {
    this.#inner ??= assemblyFor(event);
    mergeFields(this.#metrics, objectOf(event[METRICS]));
    this.#inner.accept(event, chars);
  }

  done(): void {
    this.#inner?.done();
  }

  facts(how: 'complete' | 'cut'): ResponseFacts {
    const facts = this.#inner?.facts(how) ?? emptyResponseFacts();
    if (facts.usage !== null) return facts;
    // The vendor's events count nothing: AWS did.
    const usage = usageOfMetrics(this.#metrics, facts.usage_flags);
    return { ...facts, usage, usage_state: usage === null ? 'absent' : 'final' };
  }

  rebuilt(): unknown {
    return this.#inner?.rebuilt();
  }
}

const CONVERSE_EVENTS = ['messageStart', 'contentBlockStart', 'contentBlockDelta', 'messageStop', 'metadata'];

function assemblyFor(event: JsonObject): Assembly {
  if (typeof event['type'] === 'string') return new MessageAssembly();
  if (CONVERSE_EVENTS.some((name) => event[name] !== undefined)) return new ConverseAssembly();
  return Array.isArray(event['choices']) ? new ChatAssembly() : new TextAssembly();
}

/** AWS's own counts are kept apart (`InvokeAssembly`). */
const COUNTS = ['prompt_token_count', 'generation_token_count', 'inputTextTokenCount', 'totalOutputTextTokenCount'];

/** Llama, Mistral, Titan: each event a piece of text, counts and the reason in the last ones. */
class TextAssembly implements Assembly {
  readonly #keep = new Keep();
  readonly #whole: JsonObject = {};
  #stopped = false;

  accept(event: JsonObject, chars: number): void {
    const { text, stop_reason, usage } = factsOfText(event);
    this.#keep.append(this.#whole, 'generation', text);
    if (stop_reason !== null) this.#stopped = true;
    this.#keep.set(this.#whole, 'stop_reason', stopIn(event) ?? textOrNull(stop_reason?.raw), chars);
    if (usage === null) return;
    // Counts come as they grow: the last one of each name holds.
    for (const member of COUNTS) this.#keep.set(this.#whole, member, event[member], chars);
  }

  done(): void {
    // Not a word of these.
  }

  facts(how: 'complete' | 'cut'): ResponseFacts {
    const facts = factsOfText(this.#whole);
    if (facts.usage !== null && !this.#stopped) facts.usage_state = 'partial';
    facts.complete = this.#stopped && how === 'complete';
    if (this.#keep.truncated) flag(facts.usage_flags, 'kept_truncated');
    return facts;
  }

  rebuilt(): unknown {
    return this.#whole;
  }
}

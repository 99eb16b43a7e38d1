/** What texts are made of that want to be obeyed in the place of the developer. */
export const INJECTION_KINDS = [
  'instruction_override',
  'role_play',
  'prompt_leak',
  'concealment',
  'delimiter',
  'hidden_unicode',
  'encoded_instructions',
  'exfiltration',
] as const;
export type InjectionKind = (typeof INJECTION_KINDS)[number];

/**
 * Of 3: what hardly stands in a text by accident. Less: what people write too, and what tells only together with something
 * else. Each kind counts once in a text, however often it stands there.
 */
const WEIGHTS: Readonly<Record<InjectionKind, number>> = {
  instruction_override: 3,
  role_play: 2,
  prompt_leak: 2,
  concealment: 2,
  delimiter: 3,
  hidden_unicode: 3,
  encoded_instructions: 3,
  exfiltration: 3,
};

/** What a text has to reach to be flagged. */
export const INJECTION_THRESHOLD = 3;

export interface InjectionFind {
  kind: InjectionKind;
  /** The first of its kind. */
  value: string;
}

/** The finds of one piece of text, one a kind at most. Time is linear: every repetition in the patterns is bounded. */
export function injectionFinds(text: string): InjectionFind[] {
  const finds = [...unfolded(text), ...wordFinds(folded(text))];
  const encoded = encodedIn(text);
  if (encoded !== undefined) finds.push({ kind: 'encoded_instructions', value: encoded });
  return finds;
}

export function injectionScore(kinds: Iterable<InjectionKind>): number {
  let score = 0;
  for (const kind of new Set(kinds)) score += WEIGHTS[kind];
  return score;
}

/** What is told by its characters. */
const AS_WRITTEN: readonly [InjectionKind, RegExp][] = [
  // Tokens of chat templates: no user writes them, and a tokenizer that is not careful reads them as turns.
  [
    'delimiter',
    /<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id|begin_of_text|channel|message)\|>|<<\/?SYS>>|\[\/?INST\]|<(?:start|end)_of_turn>|<\/?(?:system_prompt|system-prompt|assistant_response)>|^#{2,4} ?(?:System|New (?:System )?(?:Prompt|Instructions?)) ?:/m,
  ],
  // An image is fetched by whoever shows the answer, and its address tells what stands in it.
  [
    'exfiltration',
    /!\[[^\]\n]{0,200}\]\(https?:\/\/[^\s)?]{1,300}\?[^\s)]{0,300}?(?:=(?:\{|%7b|\[|<|\$)|=[a-z0-9+/_%-]{80})/i,
  ],
  // Left-to-right and right-to-left override: what is read is not what is seen. Isolates and marks are everyday Arabic and Hebrew.
  ['hidden_unicode', /[\u202d\u202e]/],
  // Of zero width, so many in a row: no script joins its letters like that.
  ['hidden_unicode', /[\u200b-\u200d\u2060\u2062-\u2064\ufeff]{8}/],
];

/** Letters of the tags block spell words that nobody sees. Flags of regions begin with a black flag, and are six long. */
const TAGS = /(?:\u{1f3f4}[\u{e0020}-\u{e007f}]{1,8})|[\u{e0020}-\u{e007f}]{4}/gu;

function unfolded(text: string): InjectionFind[] {
  const finds: InjectionFind[] = [];
  for (const [kind, pattern] of AS_WRITTEN) {
    const found = pattern.exec(text)?.[0];
    if (found !== undefined && finds.every((find) => find.kind !== kind)) finds.push({ kind, value: found });
  }
  if (finds.some(({ kind }) => kind === 'hidden_unicode') || !text.includes('\udb40')) return finds;
  for (const [found] of text.matchAll(TAGS)) {
    if (found.startsWith('\u{1f3f4}')) continue;
    return [...finds, { kind: 'hidden_unicode', value: found }];
  }
  return finds;
}

/** Lower case, without what is between the letters and words of a text to be read past: invisible characters, marks, line ends. */
function folded(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\u00ad\u200b-\u200d\u2060\ufeff]+/g, '')
    .replace(/[\s*_`"'“”„’,;:()]+/g, ' ');
}

const FILLERS = '(?: [\\p{L}\\d-]{1,20}){0,4}?';
const FEW = '(?: [\\p{L}\\d-]{1,20}){0,2}?';

function pattern(source: string): RegExp {
  return new RegExp(`(?<![\\p{L}])(?:${source})(?![\\p{L}])`, 'u');
}

/**
 * What is told by its words, folded. Each match has one of the beginnings in it: to look for those costs a tenth of the pattern
 * (bench/micro/heuristics.bench.ts), and most texts have none.
 */
const WORDS: readonly [InjectionKind, readonly string[], RegExp][] = [
  [
    'instruction_override',
    [
      ...['ignor', 'disregard', 'forget', 'overrid', 'bypass', 'discard', 'vergiss', 'missachte', 'oublie', 'olvida'],
      ...['your new ', 'your real ', 'your actual ', 'your true ', 'instruction'],
    ],
    pattern(
      [
        `(?:ignore|disregard|forget|override|bypass|discard)${FILLERS} (?:previous|prior|above|earlier|preceding|former|system|original|initial|existing|developer)${FEW} (?:instructions?|prompts?|rules?|directives?|guidelines?|commands?|messages?|constraints?)`,
        `(?:ignore|disregard|forget)${FEW} (?:instructions?|prompts?|rules?|directives?|guidelines?) (?:above|before|you were given|you have been given|you received|so far)`,
        `(?:ignore|disregard|forget) (?:everything|all|anything)${FEW} (?:above|before this|you were told|you have been told|said before)`,
        'your (?:new|real|actual|true) (?:instructions?|task|goal|objective|mission) (?:is|are)(?: now)?',
        'new (?:system )?instructions? (?:follow|begin|override|replace)',
        `(?:ignoriere|vergiss|missachte)${FILLERS} (?:vorherigen|bisherigen|obigen|vorigen|früheren|ursprünglichen)${FEW} (?:anweisungen|regeln|befehle|instruktionen|vorgaben)`,
        `(?:ignore[zr]?|oublie[zr]?)${FILLERS} (?:instructions?|consignes?|règles?)${FEW} (?:précédentes?|antérieures?|ci-dessus)`,
        `(?:ignora|olvida|ignore)${FILLERS} (?:instrucciones|reglas|istruzioni|regole|instruções|regras)${FEW} (?:anteriores|previas|precedenti)`,
      ].join('|'),
    ),
  ],
  [
    'role_play',
    [
      ...['you are ', 'pretend', 'imagine', 'act as ', ' mode', 'do anything now', 'as your ', 'as the '],
      ...['restriction', 'limitation', 'filter', 'safety guideline', 'censorship'],
    ],
    pattern(
      [
        'you are (?:now|no longer)(?: [\\p{L}\\d-]{1,20}){1,6}',
        `(?:pretend|imagine)(?: that)? (?:to be|you are|you re|you have)${FEW} (?:no|without|free|unrestricted|unfiltered|root|admin|administrator|developer|system)`,
        `act as (?:if you (?:had|have) no|though you (?:had|have) no|an? (?:unrestricted|unfiltered|uncensored|jailbroken)|the system|root|admin)`,
        '(?:developer|debug|god|dan|jailbreak|maintenance|sudo) mode(?: is| has been)? (?:enabled|activated|on|unlocked)',
        '(?:enable|activate|enter|switch to) (?:developer|debug|god|dan|jailbreak|sudo) mode',
        'do anything now',
        '(?:with|has|have|without) (?:no|any) (?:restrictions?|limitations?|filters?|safety guidelines?|censorship)',
        `as (?:your|the) (?:developer|creator|administrator|system administrator|owner) i${FEW} (?:order|command|authorize|authorise|instruct|require)`,
      ].join('|'),
    ),
  ],
  [
    'prompt_leak',
    ['prompt', 'instruction', 'message', 'repeat', 'print', 'output'],
    pattern(
      [
        `(?:reveal|print|repeat|show|output|display|tell me|leak|dump|disclose|recite)${FILLERS} (?:system|initial|hidden|original|secret|developer) (?:prompts?|instructions?|messages?)`,
        `(?:repeat|print|output) (?:everything|all|the text|the words) (?:above|before)${FEW}`,
        'what (?:is|are|were) your (?:system|initial|hidden|original) (?:prompts?|instructions?)',
      ].join('|'),
    ),
  ],
  [
    'concealment',
    ['user', 'human', 'anyone', 'anybody', 'owner', 'reading this'],
    pattern(
      [
        `(?:do not|don t|never|without) (?:tell|telling|mention|mentioning|inform|informing|alert|alerting|notify|notifying|reveal|revealing)${FILLERS} (?:user|users|human|anyone|anybody|owner)`,
        `(?:user|human) (?:must|should|may|will) not (?:know|notice|see|be told|be informed)`,
        `(?:ai|assistant|agent|llm|language model)s?${FEW} reading this`,
      ].join('|'),
    ),
  ],
];

function wordFinds(text: string): InjectionFind[] {
  return WORDS.flatMap(([kind, beginnings, words]): InjectionFind[] => {
    if (!beginnings.some((beginning) => text.includes(beginning))) return [];
    const found = words.exec(text)?.[0];
    return found === undefined ? [] : [{ kind, value: found }];
  });
}

/** Runs of base64 in a piece that are looked into, and as much of each. */
const ENCODED_RUNS = 8;
const ENCODED_CHARS = 2_048;
const ENCODED = /[A-Za-z0-9+/_-]{40,2048}={0,2}/g;
const PRINTABLE = /^[\t\n\r\x20-\x7e]{20,}$/;

/** Instructions that are written so that people do not read them, and models do. */
function encodedIn(text: string): string | undefined {
  let runs = 0;
  for (const [run] of text.matchAll(ENCODED)) {
    if ((runs += 1) > ENCODED_RUNS) return undefined;
    const decoded = Buffer.from(run.slice(0, ENCODED_CHARS), 'base64').toString('latin1');
    // A run that is cut ends in odd bytes; what is no text at all ends the look.
    if (PRINTABLE.test(decoded.slice(0, -3)) && wordFinds(folded(decoded)).length > 0) return run;
  }
  return undefined;
}

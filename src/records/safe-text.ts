/** What a credential looks like in the words of a provider or of a socket error, and what stays of it. */
const SECRETS: [RegExp, string][] = [
  [/\b(Bearer|Basic|Splunk)\s+[^\s"',;]+/gi, '$1 [redacted]'],
  // OpenAI, Anthropic and their like, also half masked by the provider itself: `sk-ab***********cdef`.
  [/\b(?:sk|pk|rk|xai|gsk|pplx|hf|tskey|ghp|gho|glpat|xox[abprs])[-_][\w*.…-]{6,}/g, '[redacted]'],
  [/\bAIza[\w*-]{10,}/g, '[redacted]'],
  [/\bya29\.[\w.*-]+/g, '[redacted]'],
  [/\b(?:AKIA|ASIA)[0-9A-Z*]{12,}/g, '[redacted]'],
  [/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, '[redacted]'],
  [/([?&](?:key|api_key|apikey|access_token|token|sig|signature)=)[^&\s"']+/gi, '$1[redacted]'],
  [/(\/\/)[^/\s@"']{1,256}@/g, '$1[redacted]@'],
  // `Incorrect API key provided: abc.`, `"x-api-key": "abc"`, `client_secret=abc`.
  [
    /\b((?:x-)?api[-_ ]?key(?: provided)?|x-goog-api-key|authorization|password|(?:client[-_ ])?secret(?:[-_ ]key)?|(?:access|auth|refresh)[-_ ]token)(["']?\s*[:=]\s*["']?)(?!\[redacted\]|Bearer \[|Basic \[|Splunk \[)[^\s"',;]+/gi,
    '$1$2[redacted]',
  ],
];

/** Without any of these no pattern matches: one look for the many texts that are a path or a number. */
const HINT = /[\s=:@_-]|AIza|ya29|AKIA|ASIA|eyJ/i;

/** Patterns are run over no more than this of a text that somebody else wrote. */
const JUDGED_CHARS = 8 * 1024;

/** Text from outside for a place where people read it: without what looks like a credential, and of bounded length. */
export function safeText(text: string, maxChars: number): string {
  // A credential may stand across the cut: what is judged is longer than what is kept.
  let safe = text.slice(0, Math.max(JUDGED_CHARS, maxChars));
  if (HINT.test(safe)) for (const [pattern, stays] of SECRETS) safe = safe.replace(pattern, stays);
  return cutText(safe, maxChars);
}

/** At most `maxChars` UTF-16 units of the text, never half a character. */
export function cutText(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const cut = text.slice(0, maxChars);
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}

/** At most `maxBytes` bytes of the text in UTF-8, never half a character. */
export function cutBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text, 'utf8') <= maxBytes) return text;
  const bytes = Buffer.from(text.slice(0, maxBytes), 'utf8');
  let end = Math.min(maxBytes, bytes.length);
  // A byte 10xxxxxx continues a character: step back to where it began.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** Members that say what a thing is, or are data and not text. */
const NOT_TEXT = new Set([
  'type',
  'role',
  'id',
  'call_id',
  'tool_call_id',
  'tool_use_id',
  'model',
  'object',
  'status',
  'finish_reason',
  'finishReason',
  'stop_reason',
  'signature',
  'thoughtSignature',
  'encrypted_content',
  'data',
  'mimeType',
  'media_type',
]);

/** A client's body may be nested as deep as it likes. */
const DEPTH_MAX = 64;

/** The strings of a body that may hold text, each with where it stands: `messages[0].content`. */
export function readableStrings(body: unknown): { where: string; text: string }[] {
  const found: { where: string; text: string }[] = [];
  const visit = (node: unknown, where: string, depth: number): void => {
    if (typeof node === 'string') found.push({ where, text: node });
    else if (depth > DEPTH_MAX || typeof node !== 'object' || node === null) return;
    else if (Array.isArray(node)) node.forEach((each, at) => visit(each, `${where}[${at}]`, depth + 1));
    else {
      for (const [key, value] of Object.entries(node)) {
        const isText = typeof value !== 'string' || !NOT_TEXT.has(key);
        if (isText) visit(value, where === '' ? key : `${where}.${key}`, depth + 1);
      }
    }
  };
  visit(body, '', 0);
  return found;
}

/** The longest model names are ARNs of inference profiles, about 150 characters. */
const MODEL_CHARACTERS = 256;

/** A name in its longest spelling: every character escaped, and the quotes. */
export const MODEL_BYTES = 6 * MODEL_CHARACTERS + 2;

/** What is wrong with a model's name; undefined: it is longer than any that is kept. */
export function modelNameFault(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MODEL_CHARACTERS) return `is longer than ${MODEL_CHARACTERS} characters`;
  if (text === '') return 'must not be empty';
  return /[\p{Cc}\p{Cs}]/u.test(text) ? 'holds a character that no model name has' : undefined;
}

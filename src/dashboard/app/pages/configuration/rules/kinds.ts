/** Kinds of built-in rules, as people call them. */
export const KINDS: Readonly<Record<string, string>> = {
  personal_data: 'Personal data',
  secrets: 'Secrets',
  words: 'Words',
  regex: 'Regular expressions',
  tool_policy: 'Tools',
  parameters: 'Parameters',
  prompt_size: 'Size',
  prompt_injection: 'Prompt injection',
  language: 'Language',
};

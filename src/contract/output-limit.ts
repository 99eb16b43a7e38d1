/** What a request says, before it is sent, of how much it can come to. Found by `protocols`, priced by `pricing`. */
export interface OutputLimit {
  /** False for what costs nothing whatever it says: counts of tokens, requests about a stored response. */
  billed: boolean;
  /** Of the body as the provider reads it, free of its content-encoding; of a form's files, as text of as many tokens has. */
  bodyBytes: number;
  /** Each input goes to the model by itself (embeddings): the model's window bounds one of them, not their sum. */
  manyInputs: boolean;
  /** Tokens that one answer may have, reasoning included: 0 where there is no output, undefined where nothing is said. */
  maxOutputTokens: number | undefined;
  /** Answers asked for at once, at least 1. */
  answers: number;
  /** Models that the body names beside its own: they may answer in its place. */
  otherModels: readonly string[];
  /** It may be served in fast mode, which some models charge much more for. */
  fast: boolean;
  /** What bounds the input. A look into the body, so only for a budget that has to know. */
  input(): InputReach;
}

export type InputReach =
  /** No more tokens than the body has bytes, and these that a provider adds of its own. */
  | { by: 'body'; moreTokens: number }
  /** More than the bytes say, such as an image, but all of it in one pass: the model's window bounds it. */
  | { by: 'window'; why: string }
  /** The provider may go on by itself, and read what it likes. `why` ends the sentence "it can cost any sum for". */
  | { by: 'nothing'; why: string };

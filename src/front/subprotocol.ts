/** Names under which browsers hand over what others put into headers. */
const NOT_A_PROTOCOL = /^openai-(?:insecure-api-key|organization|project)\./;

/** The first subprotocol that is one: a client that offered some must be answered one of them. */
export function chosenProtocol(offered: string | undefined): string | undefined {
  return offered
    ?.split(',')
    .map((name) => name.trim())
    .find((name) => name !== '' && !NOT_A_PROTOCOL.test(name));
}

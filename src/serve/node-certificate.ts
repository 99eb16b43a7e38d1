import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyPair } from '../front/key-pair.ts';
import { readKeyPair } from '../front/key-pair.ts';
import type { LocalApi } from '../identity/tailscale.ts';
import type { Clock } from '../lib/clock.ts';
import { errorChain } from '../lib/log.ts';
import { failed } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { freshName } from '../lib/whole-file.ts';

/** tailscaled answers from its store and renews there in time; asking it is what starts that. */
const ASK_EVERY_MS = 3_600_000;

/** After a refusal; certificate authorities limit failed attempts to a few an hour. */
const ASK_AGAIN_MS = 600_000;

/** After no answer: tailscaled is away. */
const RETRY_MS = 3_000;

/**
 * The certificate of this node's own name, from tailscaled. Kept in one file of the data directory, key and chain
 * together, so that it is replaced whole, and a start need not wait for tailscaled.
 */
export class NodeCertificate {
  readonly #localApi: Pick<LocalApi, 'certificate'>;
  readonly #folder: string;
  readonly #clock: Clock;
  #domain = '';
  #askAtMs = 0;
  #asking = false;
  #why = 'tailscaled has been asked for it';

  constructor(parts: { localApi: Pick<LocalApi, 'certificate'>; folder: string; clock: Clock }) {
    this.#localApi = parts.localApi;
    this.#folder = parts.folder;
    this.#clock = parts.clock;
  }

  /** What there is now; whatever has to be fetched is fetched meanwhile. The fault says what is missing. */
  async current(domain: string): Promise<Result<KeyPair, string>> {
    if (domain !== this.#domain) {
      this.#domain = domain;
      this.#askAtMs = 0;
    }
    if (!this.#asking && this.#clock.nowMs() >= this.#askAtMs) void this.#ask(domain);
    const file = this.#file(domain);
    const pair = await readKeyPair(file, file);
    return pair.ok ? pair : failed(`there is no certificate of ${domain} yet: ${this.#why}`);
  }

  #file(domain: string): string {
    return join(this.#folder, `${domain}.pem`);
  }

  async #ask(domain: string): Promise<void> {
    this.#asking = true;
    const answer = await this.#localApi.certificate(domain);
    let nextMs = ASK_EVERY_MS;
    if (answer.kind === 'pair') {
      const problem = await this.#keep(domain, answer.pem);
      if (problem !== undefined) {
        this.#why = problem;
        nextMs = ASK_AGAIN_MS;
      }
    } else {
      this.#why = answer.kind === 'refused' ? `tailscaled says: ${answer.why}` : `no answer (${answer.why})`;
      nextMs = answer.kind === 'refused' ? ASK_AGAIN_MS : RETRY_MS;
    }
    this.#askAtMs = this.#clock.nowMs() + nextMs;
    this.#asking = false;
  }

  /** Undefined, or why it could not be kept. */
  async #keep(domain: string, pem: string): Promise<string | undefined> {
    const file = this.#file(domain);
    const fresh = freshName(file);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(fresh, pem, { mode: 0o600 });
      const pair = await readKeyPair(fresh, fresh);
      if (!pair.ok) return 'tailscaled sent something else';
      await rename(fresh, file);
      return undefined;
    } catch (error) {
      return errorChain(error);
    } finally {
      await rm(fresh, { force: true });
    }
  }
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Usage } from '../contract/usage.ts';
import { packageRoot } from '../lib/package-root.ts';

const count = z.int();
const UsageShape = z.object({
  input_uncached: count,
  cache_read: count,
  cache_write_5m: count,
  cache_write_1h: count,
  cache_write_other: count,
  output: count,
  reasoning: count,
  audio_in: count,
  image_in: count,
  audio_out: count,
  image_out: count,
}) satisfies z.ZodType<Usage>;

const Expected = z.looseObject({
  response_file: z.string().regex(/^[\w.-]+$/),
  response: z.looseObject({ status: z.int(), headers: z.record(z.string(), z.string()) }),
  stream: z.boolean(),
  // Transcripts of several turns have these per turn: the books then say nothing of them.
  model_served: z.string().nullable().default(null),
  response_id: z.string().nullable().default(null),
  stop_reason: z.looseObject({ raw: z.string().nullable() }).nullable().default(null),
  usage: UsageShape.nullable().default(null),
  usage_state: z.enum(['final', 'partial', 'absent']).default('absent'),
  split_offsets: z.array(z.int().positive()).optional(),
});

export interface Fixture {
  name: string;
  status: number;
  /** Flat: name, value, … */
  headers: string[];
  body: Buffer;
  stream: boolean;
  splitOffsets: number[];
  modelServed: string | null;
  responseId: string | null;
  stop: string | null;
  usage: Usage | null;
  usageState: 'final' | 'partial' | 'absent';
}

/** `folder/case`, so that no name leads out of the directory. */
const NAME = /^[a-z0-9-]+\/[a-z0-9-]+$/;

/** Where the checkout keeps them; undefined in a package without its tests. */
export function defaultFixturesDir(): string | undefined {
  const folder = join(packageRoot(), 'test', 'fixtures');
  return existsSync(folder) ? folder : undefined;
}

/** Reads cases on demand and keeps them; a directory holds a few hundred, of 3 MiB together. */
export class Fixtures {
  readonly #folder: string | undefined;
  readonly #read = new Map<string, Fixture>();

  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** Undefined: there is no such case. Throws when a case is there but is not as its README says. */
  get(name: string): Fixture | undefined {
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    if (this.#folder === undefined || !NAME.test(name)) return undefined;
    const file = join(this.#folder, `${name}.expected.json`);
    if (!existsSync(file)) return undefined;
    const expected = Expected.parse(JSON.parse(readFileSync(file, 'utf8')));
    const fixture: Fixture = {
      name,
      status: expected.response.status,
      headers: Object.entries(expected.response.headers).flat(),
      body: readFileSync(join(file, '..', expected.response_file)),
      stream: expected.stream,
      splitOffsets: expected.split_offsets ?? [],
      modelServed: expected.model_served,
      responseId: expected.response_id,
      stop: expected.stop_reason?.raw ?? null,
      usage: expected.usage,
      usageState: expected.usage_state,
    };
    this.#read.set(name, fixture);
    return fixture;
  }
}

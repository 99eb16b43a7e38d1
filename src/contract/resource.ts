import { z } from 'zod';
import { BatchRef } from './batch.ts';

/** What providers keep for whoever made it, and name by ids of their own. */
export const RESOURCE_KINDS = [
  'response',
  'conversation',
  'file',
  'upload',
  'part',
  'batch',
  'cache',
  'container',
  'vector_store',
  'operation',
] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

/** A resource as a request names it: in its path or in its body. */
export interface NamedResource {
  kind: ResourceKind;
  /** As the provider gave it; of Google's names, what follows the collection (`files/abc` is `abc`). */
  id: string;
}

/** A resource in a message to a caller. */
export const RESOURCE_WORDS: Record<ResourceKind, string> = {
  response: 'the response',
  conversation: 'the conversation',
  file: 'the file',
  upload: 'the upload',
  part: 'the part of an upload',
  batch: 'the batch',
  cache: 'the cached content',
  container: 'the container',
  vector_store: 'the vector store',
  operation: 'the operation',
};

/** Models that the requests of one batch may name, and those of a file for one, which are remembered: more is refused. */
export const BATCH_MODELS = 64;
export const BATCH_FILE_MODELS = 8;

/**
 * What an exchange did to a resource, as its record carries it to the database. Whose it is, and where, the record says
 * (`login`, `provider`, `key_id`).
 */
export const ResourceNote = z.object({
  op: z.enum(['made', 'deleted']),
  kind: z.enum(RESOURCE_KINDS),
  id: z.string().min(1).max(256),
  at_ms: z.number(),
  /** Of a file for a batch: the models that its lines name. Absent: nobody looked. */
  models: z.array(z.string()).max(BATCH_FILE_MODELS).optional(),
  /** Of a batch, and of a file that one made. */
  batch: BatchRef.optional(),
  /** Where the provider told it. */
  expires_at_ms: z.number().optional(),
});
export type ResourceNote = z.infer<typeof ResourceNote>;

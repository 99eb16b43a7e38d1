import { z } from 'zod';

/** Lower-case name and value, credentials redacted before they got here. */
const Headers = z.array(z.tuple([z.string(), z.string()]));

/**
 * How one body of an exchange is put together from blobs (`capture/recipe.ts`), which are in the database before this
 * is. Null where the exchange has no such body.
 */
const CapturedBody = z
  .object({
    /** Base64; null where the body was left out. */
    recipe: z.base64().nullable(),
    /** Length of the body on the wire, kept or not. */
    bytes: z.int().min(0),
    /** Why there is no recipe: `binary` bodies are kept only with `database.save_raws`. */
    left_out: z.enum(['binary']).nullable(),
  })
  .nullable();
export type CapturedBody = z.infer<typeof CapturedBody>;

/** What is kept of an exchange beside its record: headers and bodies. One versioned schema for queue and database. */
export const Capture = z.object({
  v: z.literal(1),
  /** The record's. */
  id: z.uuid(),
  login: z.string(),
  /** Journal segment that holds the `opened` frame, and whose it is: what the watermark counts. */
  gateway: z.string(),
  segment: z.int(),
  request_headers: Headers,
  response_headers: Headers,
  /** As forwarded. */
  request: CapturedBody,
  /** As the provider sent it. */
  response: CapturedBody,
  /** Frames that the journal dropped or lost: above zero, a body is not whole. */
  missing_frames: z.int().min(0),
  /** Headers that logs can be filtered by (`database.headers.filterable`); the value is null where only presence counts. */
  indexed_headers: z.array(
    z.object({ side: z.enum(['request', 'response']), name: z.string(), value: z.string().nullable() }),
  ),
});
export type Capture = z.infer<typeof Capture>;

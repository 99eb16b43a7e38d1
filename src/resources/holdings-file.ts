import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ResourceNote } from '../contract/resource.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { freshName, writeWhole } from '../lib/whole-file.ts';

/*
 * What this process saw made and deleted at providers, for the next start: the database may be away then. A line each, with a
 * check sum before it. Processes of one data directory have a file each, named by their slot of the journal; each reads
 * all of them once and writes its own alone.
 */

/** A note, and whose it is. */
export const KeptNote = z.object({
  ...ResourceNote.shape,
  login: z.string(),
  provider: z.string(),
  key_id: z.string(),
  model: z.string(),
});
export type KeptNote = z.infer<typeof KeptNote>;

/** The newest are kept: about 300 bytes each, on disk and in memory. */
const LINES = 65_536;
/** Written anew when it is twice as long as then, and not below this. */
const COMPACTED_FROM_LINES = 1_024;
/** A deletion is told as long as a record of the making may still be about. */
const DELETION_KEPT_MS = 30 * 86_400_000;

const SUM_DIGITS = 8;
const FILE = /\.log$/;

export class HoldingsFile {
  readonly #file: string;
  readonly #log: Log;
  /** By what they are about: of each object the last word, the newest last. */
  readonly #lines = new Map<string, string>();
  #written = 0;
  #handle: FileHandle | undefined;
  #last: Promise<void> = Promise.resolve();
  /** Notes that the disk did not take: the database has them alone. */
  failures = 0;

  private constructor(file: string, log: Log) {
    this.#file = file;
    this.#log = log;
  }

  /**
   * What all files of the folder say, the oldest first, and this process's own to go on with. Torn and foreign lines are
   * passed over and counted.
   *
   * @throws Error when the folder cannot be made or read.
   */
  static open(folder: string, name: string, nowMs: number, log: Log): { file: HoldingsFile; notes: KeptNote[] } {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const own = `${name}.log`;
    const file = new HoldingsFile(join(folder, own), log);
    const notes: KeptNote[] = [];
    const names = readdirSync(folder);
    // What this file was being written anew to when its process was killed.
    const unfinished = names.filter((each) => each.startsWith(`${own}.`) && each.endsWith('.new'));
    for (const each of unfinished) rmSync(join(folder, each), { force: true });
    for (const each of names.filter((entry) => FILE.test(entry))) {
      const read = readNotes(join(folder, each), log);
      if (each === own) file.#keep(read, nowMs);
      notes.push(...read);
    }
    writeWhole(file.#file, [...file.#lines.values()].join(''));
    file.#written = file.#lines.size;
    return { file, notes: notes.sort((a, b) => a.at_ms - b.at_ms) };
  }

  get lines(): number {
    return this.#lines.size;
  }

  /** Resolves when the system has it. Never rejects: a sick disk costs what it was there for, and no request. */
  append(notes: readonly KeptNote[]): Promise<void> {
    for (const note of notes) this.#add(note);
    const text = notes.map(lineOf).join('');
    this.#last = this.#last
      .then(() => this.#write(text, notes.length))
      .catch((error: unknown) => {
        this.failures += notes.length;
        this.#handle = undefined;
        this.#log.warn(
          { file: this.#file, error: errorChain(error) },
          'what was made at a provider is not in this file',
        );
      });
    return this.#last;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #write(text: string, lines: number): Promise<void> {
    if (this.#written > Math.max(COMPACTED_FROM_LINES, 2 * this.#lines.size)) {
      await this.#compact();
      return;
    }
    this.#handle ??= await open(this.#file, 'a', 0o600);
    await this.#handle.appendFile(text);
    this.#written += lines;
  }

  /** All that is kept, with what is to be written: it is among the lines already. */
  async #compact(): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
    const fresh = freshName(this.#file);
    const lines = [...this.#lines.values()];
    const handle = await open(fresh, 'w', 0o600);
    try {
      await handle.writeFile(lines.join(''));
    } catch (error) {
      await rm(fresh, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
    await rename(fresh, this.#file);
    this.#written = lines.length;
  }

  #keep(notes: readonly KeptNote[], nowMs: number): void {
    for (const note of notes) {
      if (note.op === 'made' || note.at_ms > nowMs - DELETION_KEPT_MS) this.#add(note);
    }
  }

  #add(note: KeptNote): void {
    const key = JSON.stringify([note.kind, note.id, note.provider, note.login]);
    this.#lines.delete(key);
    this.#lines.set(key, lineOf(note));
    if (this.#lines.size <= LINES) return;
    for (const oldest of this.#lines.keys()) {
      this.#lines.delete(oldest);
      return;
    }
  }
}

function lineOf(note: KeptNote): string {
  const text = JSON.stringify(note);
  return `${sumOf(text)} ${text}\n`;
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, SUM_DIGITS);
}

function readNotes(file: string, log: Log): KeptNote[] {
  const notes: KeptNote[] = [];
  let bad = 0;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const note = noteOf(line);
    if (note === undefined) bad += 1;
    else notes.push(note);
  }
  if (bad > 0) log.warn({ file, lines: bad }, 'lines that say nothing of what was made at providers');
  return notes;
}

function noteOf(line: string): KeptNote | undefined {
  const text = line.slice(SUM_DIGITS + 1);
  if (line.slice(0, SUM_DIGITS + 1) !== `${sumOf(text)} `) return undefined;
  const parsed = KeptNote.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : undefined;
}

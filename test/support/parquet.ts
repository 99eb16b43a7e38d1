import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

export type Row = Record<string, unknown>;

/**
 * What DuckDB answers about Parquet files: it shares no code with what writes them. `FILE` in the question stands for all
 * of them. Whole numbers of 64 bits, decimals and times come back as text, with every digit.
 */
export async function askParquet(files: readonly Uint8Array[], question: string): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-test-'));
  for (const [at, file] of files.entries()) writeFileSync(join(folder, `${at}.parquet`), file);
  const duck = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await duck.connect();
  try {
    await connection.run(`SET TimeZone = 'UTC'`);
    const answer = await connection.runAndReadAll(question.replaceAll('FILE', `'${folder}/*.parquet'`));
    return answer.getRowObjectsJson();
  } finally {
    connection.closeSync();
    duck.closeSync();
    rmSync(folder, { recursive: true });
  }
}

/** Every row, in the order of the export. */
export function readParquet(...files: Uint8Array[]): Promise<Row[]> {
  return files.length === 0 ? Promise.resolve([]) : askParquet(files, 'SELECT * FROM FILE ORDER BY number');
}

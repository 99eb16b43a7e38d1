import { execFileSync } from 'node:child_process';
import { decodeSequence } from 'cbor2';

/** A record as it stands in a file. */
export interface ExportedRecord {
  id: number;
  ver: number;
  timestamp: string;
  identity: { login_name: string; stable_node_id: string; tags: string[] };
  model: string;
  api_type: string;
  usage: Record<string, number>;
  estimated_cost?: { dollars: number; cost_basis: string; usage: Record<string, number> };
  duration_ms: number;
  capture_id?: string;
  session_id: string;
  path: string;
  status_code: number;
  capture?: Record<string, unknown>;
}

/** The records of a file, read by the `zstd` program and a CBOR decoder, by nothing that the gateway writes them with. */
export function readExport(file: Uint8Array): ExportedRecord[] {
  const cbor = execFileSync('zstd', ['-dc'], { input: file, maxBuffer: 1024 ** 3 });
  return [...decodeSequence(cbor)] as ExportedRecord[];
}

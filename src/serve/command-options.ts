import type { Environment } from '../../config/environment.ts';
import { createLog } from '../lib/create-log.ts';
import type { Log } from '../lib/log.ts';

/** Options that several commands have. */
export const GATEWAY_URL = ['--url <url>', 'the gateway', 'http://127.0.0.1:8080'] as const;
export const DATA_DIR = ['--data-dir <folder>', 'the gateway’s (APERTURE_DATA_DIR)'] as const;

/** Of a command, which has to say why it failed whatever a gateway's level is. */
export function commandLog({ logLevel }: Environment, name: string): Log {
  return createLog(logLevel === 'fatal' ? 'error' : logLevel, name);
}

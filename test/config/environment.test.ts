import { expect, test } from 'vitest';
import { readEnvironment } from '../../config/environment.ts';

test('an empty environment gives the defaults, and an empty variable counts as absent', () => {
  const defaults = {
    configFile: 'config/aperture.hujson',
    listen: undefined,
    dataDir: '.aperture',
    secretKeyFile: undefined,
    tailscaleSocket: '/var/run/tailscale/tailscaled.sock',
    databaseUrl: undefined,
    redisUrl: undefined,
    logLevel: 'info',
  };
  expect(readEnvironment({})).toEqual({ ok: true, value: defaults });
  expect(readEnvironment({ DATABASE_URL: '', APERTURE_LISTEN: '', HOME: '/x' })).toEqual({ ok: true, value: defaults });
});

test('every variable is read', () => {
  const env = {
    APERTURE_CONFIG: 'a.hujson',
    APERTURE_LISTEN: '127.0.0.1:1',
    APERTURE_DATA_DIR: 'd',
    APERTURE_SECRET_KEY_FILE: 'k',
    APERTURE_TAILSCALE_SOCKET: '/run/t.sock',
    DATABASE_URL: 'postgresql://u:p@h/db',
    REDIS_URL: 'rediss://h:1',
    APERTURE_LOG_LEVEL: 'debug',
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
  };
  expect(readEnvironment(env)).toEqual({
    ok: true,
    value: {
      configFile: 'a.hujson',
      listen: '127.0.0.1:1',
      dataDir: 'd',
      secretKeyFile: 'k',
      tailscaleSocket: '/run/t.sock',
      databaseUrl: 'postgresql://u:p@h/db',
      redisUrl: 'rediss://h:1',
      aws: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'token' },
      logLevel: 'debug',
    },
  });
});

test('bad variables are reported all at once, without their values', () => {
  const read = readEnvironment({ DATABASE_URL: 'mysql://CANARY', REDIS_URL: 'CANARY', APERTURE_LOG_LEVEL: 'CANARY' });
  expect(read.ok).toBe(false);
  if (read.ok) return;
  expect(read.fault.map(({ path, message }) => `${path} ${message}`)).toEqual([
    'DATABASE_URL must be a postgres:// URL',
    'REDIS_URL must be a redis:// or rediss:// URL',
    'APERTURE_LOG_LEVEL must be trace, debug, info, warn, error or fatal',
  ]);
  expect(JSON.stringify(read)).not.toContain('CANARY');
});

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answering, ended, freePort, scratch } from '../targets.ts';
import type { Target, Upstream } from '../targets.ts';

/** nginx `proxy_pass` with keep-alive and without buffering: the limit. */
export async function startNginx(upstream: Upstream): Promise<Target> {
  const port = await freePort();
  const folder = scratch();
  // It holds a certificate's names against this one, and never its addresses.
  const [scheme, trust] =
    upstream.caFile === undefined
      ? ['http', '']
      : ['https', `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${upstream.caFile}; proxy_ssl_name localhost;`];
  mkdirSync(join(folder, 'logs'));
  writeFileSync(
    join(folder, 'nginx.conf'),
    `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
     ${process.getuid?.() === 0 ? 'user root;' : ''}
     events { worker_connections 4096; }
     http {
       access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
       fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 1000000;
       upstream provider { server 127.0.0.1:${upstream.port}; keepalive 256; keepalive_requests 1000000; }
       server {
         listen 127.0.0.1:${port};
         location / { proxy_pass ${scheme}://provider; proxy_http_version 1.1; proxy_set_header Connection "";
                      proxy_buffering off; proxy_read_timeout 600s; ${trust} }
       }
     }`,
  );
  const program = existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx';
  const child = spawn(program, ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  await answering(port, '/v1/models');
  // The master waits; the worker works.
  const workers = spawnSync('pgrep', ['-P', String(child.pid)])
    .stdout.toString()
    .trim()
    .split('\n')
    .map(Number);
  return {
    name: 'nginx',
    port,
    pids: workers,
    async stop() {
      await ended(child, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

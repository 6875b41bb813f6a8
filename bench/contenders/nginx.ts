import { keep } from './keeper.js'
import type { Place } from './keeper.js'
import { MAX_CLIENTS, MAX_CONNECTIONS, mountsOf, ORIGIN } from './policy.js'

await keep(place => ({
  text: configuration(place),
  command: ['nginx', '-p', place.directory, '-c', place.file, '-e', 'stderr']
}))

/** One worker that does what the other contenders do. */
function configuration ({ directory, port, options }: Place): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map(kind => `${kind}_temp_path ${directory}/${kind};`)
    .join('\n  ')
  const mounts = mountsOf(options)
  // Each slot is allocated beforehand.
  const kept = mounts.length === 1 ? MAX_CONNECTIONS : 64
  return `
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr crit;
events { worker_connections ${MAX_CLIENTS}; }
http {
  ${temporary}
  access_log off;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  limit_req_zone $binary_remote_addr zone=clients:1m rate=1000000r/s;
  ${mounts.map(({ service }) => `upstream service${service} {
    server 127.0.0.1:${service};
    keepalive ${kept};
    keepalive_requests 1000000000;
  }`).join('\n  ')}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    limit_req zone=clients burst=1000000 nodelay;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    add_header Access-Control-Allow-Origin ${ORIGIN};
    add_header Vary Origin;
    ${mounts.map(({ prefix, service }) => `location ${prefix}/ { proxy_pass http://service${service}; }
    location = ${prefix} { proxy_pass http://service${service}; }`).join('\n    ')}
  }
}
`
}

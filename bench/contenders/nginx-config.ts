import { MAX_CONNECTIONS, ORIGIN, PREFIX } from './policy.js'

export interface NginxPlace {
  directory: string
  port: number
  upstreamPort: number
}

/** One worker that does what the other contenders do. */
export function nginxConfig ({ directory, port, upstreamPort }: NginxPlace): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map(kind => `${kind}_temp_path ${directory}/${kind};`)
    .join('\n  ')
  return `
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  ${temporary}
  access_log off;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  limit_req_zone $binary_remote_addr zone=clients:1m rate=1000000r/s;
  upstream service {
    server 127.0.0.1:${upstreamPort};
    keepalive ${MAX_CONNECTIONS};
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ${PREFIX}/ {
      limit_req zone=clients burst=1000000 nodelay;
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      add_header Access-Control-Allow-Origin ${ORIGIN};
      add_header Vary Origin;
    }
  }
}
`
}

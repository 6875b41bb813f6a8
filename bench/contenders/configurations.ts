import type { GatewayConfig } from '../../src/index.js'
import { KEEP_ALIVE, MAX_CLIENTS, MAX_CONNECTIONS, MAX_REQUESTS, mountsOf, ORIGIN, PREFIX, TIME_WINDOW } from './duties.js'
import type { Place } from './duties.js'

/** The routes.json of ours: every limit and check at its default. */
export function ourRoutes (place: Place): string {
  const several = [place.upstreamPort, ...place.targetPorts].map(port => `http://127.0.0.1:${port}`)
  const [first = '', ...others] = several
  const configuration: GatewayConfig = {
    server: { accessLog: place.accessLog },
    cors: { origin: [ORIGIN] },
    rateLimit: { max: MAX_REQUESTS, timeWindow: TIME_WINDOW },
    ...(several.length > 1 && { upstreams: { several: { targets: [first, ...others] } } }),
    routes: mountsOf(place).map(({ prefix, target }) => ({ prefix, ...(several.length > 1 ? { upstream: 'several' } : { target: `http://127.0.0.1:${target}` }) }))
  }
  return JSON.stringify(configuration)
}

/** One worker. */
export function nginxConfiguration (place: Place): string {
  const { directory, port, accessLog } = place
  const mounts = mountsOf(place)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `${kind}_temp_path ${directory}/${kind};`)
  // Each place for a connection that is kept is allocated beforehand.
  const kept = mounts.length === 1 ? MAX_CONNECTIONS : 64
  return `
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr crit;
events { worker_connections ${MAX_CLIENTS}; }
http {
  ${temporary.join('\n  ')}
  access_log ${accessLog ? '/dev/null combined buffer=4k flush=100ms' : 'off'};
  client_max_body_size 0;
  keepalive_requests 1000000000;
  limit_req_zone $binary_remote_addr zone=clients:1m rate=1000000r/s;
  ${mounts.map(({ target }) => `upstream at${target} {
    ${[target, ...place.targetPorts].map(port => `server 127.0.0.1:${port};`).join('\n    ')}
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
    ${mounts.map(({ prefix, target }) => `location ${prefix}/ { proxy_pass http://at${target}; }
    location = ${prefix} { proxy_pass http://at${target}; }`).join('\n    ')}
  }
}
`
}

/** One thread. */
export function haproxyConfiguration ({ port, upstreamPort }: Place): string {
  return `
global
  no strict-limits
  maxconn ${MAX_CLIENTS}
  nbthread 1

defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive ${KEEP_ALIVE}ms

frontend gateway
  bind 127.0.0.1:${port} backlog 4096
  stick-table type ip size 100k expire ${TIME_WINDOW}ms store http_req_rate(${TIME_WINDOW}ms)
  http-request track-sc0 src
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt ${MAX_REQUESTS} }
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Proto http
  http-response set-header Access-Control-Allow-Origin ${ORIGIN}
  http-response add-header Vary Origin
  use_backend upstream if { path_beg ${PREFIX}/ }

backend upstream
  http-reuse always
  server target 127.0.0.1:${upstreamPort}
`
}

/** One core is all that it sees. It sets the forwarded fields by itself; it cannot limit rates without a module. */
export function caddyConfiguration ({ port, upstreamPort, accessLog }: Place): string {
  return `
{
  admin off
  auto_https off
  log {
    level ERROR
  }
}
http://:${port} {
  bind 127.0.0.1
  ${accessLog ? 'log {\n    output file /dev/null {\n      roll_disabled\n    }\n  }' : ''}
  header {
    Access-Control-Allow-Origin ${ORIGIN}
    +Vary Origin
    defer
  }
  handle ${PREFIX}/* {
    reverse_proxy 127.0.0.1:${upstreamPort} {
      transport http {
        keepalive_idle_conns ${MAX_CONNECTIONS}
        keepalive_idle_conns_per_host ${MAX_CONNECTIONS}
      }
    }
  }
}
`
}

import { HEALTH, PREFIX } from './requests.js'

/** Milliseconds: shorter than by default, so that a run is short. */
export const EJECTION = 2_000
export const SLOW_START = 4_000
/** That a try may take. */
const PER_TRY = 500
const TIMEOUT = 3_000
/** Of checks. */
const INTERVAL = 500

/** What a user writes for three targets of one service. @param targets host and port of each */
export function gatewayConfig (targets: readonly string[], hasChecks: boolean, { ejection = EJECTION, slowStart = SLOW_START, perTry = PER_TRY } = {}): { routes: object[] } & Record<string, unknown> {
  return {
    server: { accessLog: false },
    upstreams: {
      services: {
        targets: targets.map(target => `http://${target}`),
        ejection: { after: 5, for: ejection },
        slowStart,
        ...(hasChecks && { health: { path: HEALTH, interval: INTERVAL, timeout: PER_TRY, unhealthyAfter: 2, healthyAfter: 2 } })
      }
    },
    routes: [{ prefix: PREFIX, upstream: 'services', timeout: Math.max(TIMEOUT, perTry), retry: { attempts: 2, on: ['connect', 'reset', 'timeout', 502, 503], perTryTimeout: perTry } }]
  }
}

/** nginx does not repeat a POST by itself, and has no time of its own for a try. */
export function nginxConfig (targets: readonly string[], port: number, folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `${kind}_temp_path ${folder}/${kind};`)
  return `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  ${temporary.join('\n  ')}
  access_log off;
  upstream services {
    least_conn;
    ${targets.map(target => `server ${target} max_fails=5 fail_timeout=${EJECTION / 1000}s;`).join('\n    ')}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    location ${PREFIX}/ {
      proxy_pass http://services;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout ${PER_TRY}ms;
      proxy_read_timeout ${PER_TRY}ms;
      proxy_next_upstream error timeout http_502 http_503;
      proxy_next_upstream_tries 3;
      proxy_next_upstream_timeout ${TIMEOUT}ms;
    }
  }
}
`
}

/** haproxy would repeat a POST as well, and has no time of its own for a try. */
export function haproxyConfig (targets: readonly string[], port: number): string {
  return `
global
  no strict-limits
  nbthread 1

defaults
  mode http
  timeout connect ${PER_TRY}ms
  timeout server ${PER_TRY}ms
  timeout client 60s
  timeout queue ${TIMEOUT}ms
  retries 2
  option redispatch 1
  retry-on conn-failure empty-response response-timeout 502 503

frontend front
  bind 127.0.0.1:${port}
  default_backend services

backend services
  balance leastconn
  http-reuse always
  http-request disable-l7-retry if METH_POST
  option httpchk GET ${HEALTH}
  default-server check inter ${INTERVAL}ms fall 2 rise 2 slowstart ${SLOW_START}ms
  ${targets.map((target, nth) => `server s${nth} ${target}`).join('\n  ')}
`
}

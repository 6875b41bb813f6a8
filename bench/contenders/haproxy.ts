import { keep } from './keeper.js'
import type { Place } from './keeper.js'
import { KEEP_ALIVE, MAX_CLIENTS, MAX_REQUESTS, ORIGIN, PREFIX, TIME_WINDOW } from './policy.js'

await keep(place => ({
  text: configuration(place),
  command: ['haproxy', '-db', '-q', '-f', place.file]
}))

/** One thread that does what the other contenders do. */
function configuration ({ port, options: { upstreamPort } }: Place): string {
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
  use_backend service if { path_beg ${PREFIX}/ }

backend service
  http-reuse always
  server service 127.0.0.1:${upstreamPort}
`
}

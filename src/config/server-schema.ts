import { AccessLog } from './access-log-schema.js'
import { Type } from 'typebox'
import { HEADER_SIZE, LEAST_HEADER_SIZE, MOST_HEADER_SIZE, PREFIX, PROXY } from './formats.js'
import { AnyOf, Count, Default, Duration, List, Optional, Section, Size, Switch, Text } from './kinds.js'
import { ServerTls } from './tls-schema.js'

const PROXIES = 'must be true, false, or the addresses or CIDR ranges of the proxies in front, such as "10.0.0.0/8" or "loopback" ' +
  '(a number of hops is rejected: it says nothing about who may be trusted)'

/** What `health: true` stands for. */
export const HEALTH_PATHS = { alive: '/healthz', ready: '/readyz' }

const HEALTH = 'must be true, false, or an object such as { "alive": "/healthz", "ready": "/readyz" }'

const Health = Section('The paths, on the same port as everything else.', {
  alive: Default(HEALTH_PATHS.alive, Text('200 while the process serves.', { format: 'prefix', pattern: PREFIX, errorMessage: 'must be a path such as "/healthz"' })),
  ready: Default(HEALTH_PATHS.ready, Text('200; 503 once the gateway drains, and while one of `upstreams` has no target that is available.', { format: 'prefix', pattern: PREFIX, errorMessage: 'must be a path such as "/readyz"' }))
}, { errorMessage: HEALTH })

/** The section of the service itself. */
export const Server = Section('The gateway as a service. In plugin mode these settings are those of the host.', {
  port: Default(3000, Count('Where to listen, for `fastify-stream-gateway start` without `--port` and FASTIFY_PORT. `fastify start` has its own.', { least: 0, most: 65535 })),
  address: Optional(Text('The address to listen at, for `fastify-stream-gateway start` without `--address` and FASTIFY_ADDRESS. `fastify start` has its own.', { format: 'host', examples: ['0.0.0.0'], errorMessage: 'must be a host name or an IP address' }), 'localhost; in a container all'),
  health: Default(false, AnyOf(
    'Say whether the gateway is alive, and whether it is ready: `true` is `/healthz` and `/readyz`. These win over a route for `/`, and have no access lines.', [
      Type.Boolean(),
      Health
    ], { examples: [true, { alive: '/alive', ready: '/ready' }], errorMessage: HEALTH })),
  trustProxy: Default(false, AnyOf(
    'The proxies in front whose `X-Forwarded-*` headers are believed: addresses, CIDR ranges, `"loopback"`, `"linklocal"`, `"uniquelocal"`. ' +
    '`true` believes everybody, `false` nobody.', [
      Type.Boolean(),
      Text('One, or several with commas between them.', { format: 'proxies', errorMessage: PROXIES }),
      List('Several.', Text('An address, a CIDR range, loopback, linklocal or uniquelocal.', { format: 'proxy', errorMessage: PROXY }), { errorMessage: PROXIES })
    ], { examples: [false, 'loopback', ['10.0.0.0/8', '192.168.1.7']], errorMessage: PROXIES })),
  drainDelay: Default('0s', Duration(
    'How long new connections are still accepted after SIGTERM, until a load balancer has heard that the gateway goes. ' +
    'Every response then closes its connection.', { least: 0, examples: ['5s'] })),
  shutdownTimeout: Default('30s', Duration('How long requests in progress may take to finish after SIGTERM.', { least: 0 })),
  reloadTimeout: Default('1h', Duration(
    'How long what is under way may take to finish in a process that a reload of `fastify-stream-gateway start` has replaced; then it ends as after SIGTERM.', { least: 0 })),
  accessLog: Default(true, AccessLog),
  tls: Optional(ServerTls),
  http2: Default(false, Switch('Speak HTTP/2 to clients that ask for it, and HTTP/1.1 to the others. Needs `server.tls`.')),
  maxConnections: Default(20_000, Count(
    'How many client connections may be open at the same time, at each address. Further ones are closed without a response.', { least: 1 })),
  maxRequestsPerConnection: Default(0, Count('How many requests a connection may carry before it is closed. `0` sets no limit.', { least: 0 })),
  maxHeaderSize: Default('16kb', Size('The largest head of a request: its request line and headers. A larger one is rejected with 431.', {
    least: LEAST_HEADER_SIZE, most: MOST_HEADER_SIZE, format: 'header-size', errorMessage: HEADER_SIZE
  })),
  headersTimeout: Default('15s', Duration('How long the head of a request may take to arrive, and the TLS handshake before it.')),
  keepAliveTimeout: Default('72s', Duration('How long an idle connection is kept for the next request.'))
}, { errorMessage: 'must be an object such as { "trustProxy": false }' })

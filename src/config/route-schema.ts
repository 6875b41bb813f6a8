import { RouteAccess, RouteAuth } from './auth-schema.js'
import { RouteCors } from './cors-schema.js'
import { Cookies } from './cookies-schema.js'
import { PREFIX } from './formats.js'
import { RouteHeaders, RouteSecurityHeaders } from './headers-schema.js'
import { AnyOf, Count, Default, Duration, List, OneOf, Optional, Section, Size, Switch, Text } from './kinds.js'
import { Redirect, Respond } from './local-schema.js'
import { Concurrency, RouteRateLimit } from './rate-limit-schema.js'
import { RouteRetry } from './retry-schema.js'
import { TARGET, TargetUrl } from './target-schema.js'
import { UpstreamTls } from './tls-schema.js'
import { Mirror } from './upstream-schema.js'

const HOST = 'must be a host name such as "api.example.com"'
const HOSTS = 'must be a list of host names such as ["api.example.com"]'
const METHOD = 'must be a method in capitals such as "GET"'
const METHODS = 'must be a list of methods such as ["GET"]'

const TargetParts = Section('The parts of the address.', {
  host: Text('A host name or an IP address.', { format: 'host', examples: ['localhost', '::1'], errorMessage: 'must be a host name or an IP address' }),
  port: Count('The port that the service listens on, from 1 to 65535.', { least: 1, most: 65535, examples: [3001] }),
  protocol: Default('http', OneOf('The protocol that the service speaks.', ['http', 'https']))
}, { errorMessage: TARGET })

const PathRewrite = Section('How the path changes on its way. Without it the path is forwarded unchanged.', {
  pattern: Text(
    'A regular expression for the path as it was sent, without the query. Its first match is replaced. ' +
    'It runs in linear time, so that no crafted path can keep it busy; look-around and back-references are rejected.',
    { format: 'safe-pattern', examples: ['^/api/auth'], errorMessage: 'must be a regular expression in text' }),
  replacement: Text('What the match becomes. `$1` stands for the first group.', {
    pattern: /^[!"$->@-[\]-~]*$/,
    examples: ['/auth'],
    errorMessage: 'must be a path such as "/auth", or "" for none: no white space, "?", "#" or backslash, all beyond ASCII percent-encoded'
  })
}, { errorMessage: 'must be an object such as { "pattern": "^/api/auth", "replacement": "/auth" }' })

/** A mounted prefix with its policies. */
export const Route = Section('One prefix and the service behind it.', {
  prefix: Text(
    'A path such as `/api/auth`, or `/`. The route takes requests for this path and for every path below it; the longest prefix wins, then `hosts`, then `methods`.',
    { format: 'prefix', pattern: PREFIX, examples: ['/api/auth', '/'], errorMessage: 'must be a path such as "/api/auth"' }),
  hosts: Optional(List(
    'The hosts that the route takes requests for, without a port; `*` stands for one label. Of routes with one prefix an exact host wins over one with `*`, and that over a route without `hosts`.',
    Text('A host.', { format: 'route-host', errorMessage: HOST }), { minItems: 1, examples: [['api.example.com', '*.example.com']], errorMessage: HOSTS }), 'every host'),
  methods: Optional(List(
    'The methods that the route takes; `GET` takes HEAD as well. A method that no route of the prefix takes is a 405.',
    Text('A method.', { format: 'method', errorMessage: METHOD }), { minItems: 1, examples: [['GET', 'POST']], errorMessage: METHODS }), 'every method'),
  target: Optional(AnyOf(
    'The service: its URL, such as `"http://localhost:3001"`, `"http://localhost:3001/base"` (which stands before each path) or `"unix:/run/app.sock"`, or the parts of its address. ' +
    'A route has this, `upstream`, `respond` or `redirect`.', [
      TargetParts,
      TargetUrl
    ], { examples: [{ host: 'localhost', port: 3001, protocol: 'http' }, 'http://localhost:3001', 'unix:/run/app.sock'], errorMessage: TARGET }), 'required, if none of `upstream`, `respond` and `redirect` is there'),
  upstream: Optional(Text('The name of one of `upstreams`: a service that runs several times.', { examples: ['payments'], errorMessage: 'must be the name of one of upstreams' })),
  respond: Optional(Respond),
  redirect: Optional(Redirect),
  host: Default('target', Text(
    'The `Host` that the service gets, over HTTP/2 `:authority`: that of the target (`"target"`), the one that the client asked for (`"preserve"`), or a name. TLS asks for the target still.', {
      format: 'host-field', examples: ['target', 'preserve', 'app.example.com'], errorMessage: 'must be "target", "preserve" or a host name'
    })),
  stripPrefix: Default(false, Switch('Forward the path without the prefix: `/api/auth/login` as `/login`, `/api/auth` as `/`. Not together with `pathRewrite`.')),
  pathRewrite: Optional(PathRewrite),
  headers: Optional(RouteHeaders, 'the global `headers`'),
  securityHeaders: Optional(RouteSecurityHeaders, 'the global `securityHeaders`'),
  rewriteLocation: Default(true, Switch(
    'Rewrite `Location` in a 201 or 3xx of the service to what its client can reach: where it names the target or no host, and its path begins with what `prefix` became. ' +
    'Only what `pathRewrite` makes of a plain text at the start of the path can be undone. `false`: it passes as it came.')),
  cookies: Optional(Cookies),
  mirror: Optional(Mirror),
  retry: Optional(RouteRetry, '`{}` with an `upstream`'),
  encodedCharacters: Default('reject', OneOf(
    'Encoded control characters and backslashes in a path (`%00`, `%0A`, `%0D`, `%5C`): a 400, or forwarded as they came. ' +
    'A service that decodes them carelessly may take one path for another.', ['reject', 'allow'])),
  http2: Default(false, Switch('Speak HTTP/2 to the service, as gRPC needs: agreed in the TLS handshake, or assumed without TLS.')),
  tls: Optional(UpstreamTls, '`{}`'),
  connectTimeout: Default('5s', Duration('How long a connection to the service may take: name lookup, TCP and TLS. Then the client gets a 504.')),
  timeout: Default('30s', Duration(
    'How long the service may be silent. Before the head of its response the client then gets a 504, after it the connection is broken. ' +
    'The length of the whole exchange is not limited.', { examples: ['5m', 30000] })),
  upgradeTimeout: Default('10m', Duration('How long a tunnel (WebSocket) may be silent in both directions before it is closed.')),
  maxBodySize: Default('1gb', Size('The largest body of a request. A larger one is rejected with 413, or broken off while it streams.')),
  bodyBuffer: Default(0, Size(
    'Bodies up to this size are collected, and sent with a `Content-Length`, for services that know no chunks (WSGI responds with 411). Larger ones stream. ' +
    'At most 128 are collected at once; further requests get a 503. `0` collects none.')),
  minBodyRate: Default(128, Size('How fast the body of a request must arrive, in bytes per second as the mean over `requestTimeout`, until the response begins. A slower one ends with 408. `0` sets no minimum.')),
  minResponseRate: Default(128, Size(
    'How fast a client must read its response, in bytes per second as the mean over `requestTimeout`, or over `timeout` where that is shorter. ' +
    'Of a slower one the response is broken off. Counted while the client is waited for, not while the service is. With `0` it must read something within `timeout`.')),
  requestTimeout: Default('30s', Duration('The time over which `minBodyRate` and `minResponseRate` are measured.')),
  maxConcurrentPerConnection: Default(512, Count(
    'How many requests of one client connection may be in progress at once over HTTP/2; of a service that is more than half full, at most 8, or a 32nd of what is free. ' +
    'Further ones get a 503. `0` sets no limit. Over HTTP/1 it is always one.', { least: 0 })),
  concurrency: Optional(Concurrency),
  cors: Optional(RouteCors, 'the global `cors`'),
  rateLimit: Optional(RouteRateLimit, 'the global `rateLimit`'),
  access: Optional(RouteAccess, 'the global `access`'),
  auth: Optional(RouteAuth, 'the global `auth`')
}, { errorMessage: 'must be an object such as { "prefix": "/api/auth", "target": "http://localhost:3001" }' })

import { Dns } from './dns-schema.js'
import { Health } from './health-schema.js'
import { AnyOf, Count, Default, Dictionary, Duration, Fraction, List, OneOf, Optional, Section, Switch, Switchable, Text } from './kinds.js'
import { TARGET, TargetUrl } from './target-schema.js'
import { UpstreamTls } from './tls-schema.js'

const BALANCE = 'must be "least-requests", "round-robin", "random" or an object such as { "hash": "ip" }'
const HASH = 'must be "ip", "path", "header:" and a name, or "cookie:" and a name'
const EJECTION = 'must be false or an object such as { "after": 5, "for": "10s" }'
const COOKIE = 'must be the name of a cookie such as "gateway"'
const TARGETS = 'must be a list of at least one URL, such as ["http://10.0.0.1:3002", { "url": "http://10.0.0.2:3002", "weight": 3 }]'

const WeightedTarget = Section('An address with its place among the others.', {
  url: TargetUrl,
  weight: Default(1, Count('Its share of the requests: one with 3 gets three times as many as one with 1.', { least: 1, most: 1000 })),
  backup: Default(false, Switch('Asked only when no other target is available.'))
}, { errorMessage: TARGET })

const Hash = Section('Requests with the same key go to the same target. One that goes away moves its own keys alone.', {
  hash: Text('The key: the client\'s address (`"ip"`), the `"path"`, a header (`"header:x-user"`) or a cookie (`"cookie:sid"`). A request without it goes by the address.', {
    format: 'hash-key', examples: ['ip', 'header:x-user', 'cookie:sid', 'path'], errorMessage: HASH
  }),
  maxLoad: Optional(Fraction('A target with more than so many times the mean of requests in progress is passed over for the next in the order of the key, such as 1.25.', { least: 1, most: 100 }), 'no bound')
}, { errorMessage: BALANCE })

const Sticky = Section(
  'A client stays with its target, by a cookie: for canaries, and services that keep sessions. When the target is gone, the client gets another one. The cookie tells no address.', {
    cookie: Text('Its name.', { pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, examples: ['gateway'], errorMessage: COOKIE }),
    secret: Text('Signs the cookie. All gateways in front of the same targets need the same one; at least 16 characters.', {
      pattern: /^.{16,}$/, examples: ['${STICKY_SECRET}'], errorMessage: 'must be text of at least 16 characters' // eslint-disable-line no-template-curly-in-string -- as it stands in the file
    }),
    maxAge: Optional(Duration('How long the cookie lives.'), 'until the browser is closed'),
    secure: Default(true, Switch('Whether it is sent over https alone.'))
  }, { errorMessage: 'must be an object such as { "cookie": "gateway", "secret": "${STICKY_SECRET}" }' }) // eslint-disable-line no-template-curly-in-string -- as it stands in the file

export const Ejection = Section(
  'A target that fails several times in a row gets no requests for a while: failures to connect, resets, timeouts and 5xx count, what a client cancels does not. ' +
  'Then it gets one at a time until one succeeds. A time beyond the first doubles, up to 16 times the first.', {
    after: Default(5, Count('So many failures in a row.', { least: 1 })),
    for: Default('10s', Duration('For how long.')),
    maxEjected: Default(0.5, Fraction('The part of the targets that may be out at most, rounded down: an only target is never ejected.', { least: 0, most: 1 }))
  }, { errorMessage: EJECTION })

/** A service that runs several times. Routes name it; they share its connections and its health. */
export const Upstream = Section('A service and its addresses.', {
  targets: List('Its addresses: URLs, or objects with `url`, `weight`, `backup`.',
    AnyOf('One of them.', [TargetUrl, WeightedTarget], { errorMessage: TARGET }), { minItems: 1, typeName: 'list of targets', examples: [['http://10.0.0.1:3002', 'http://10.0.0.2:3002']], errorMessage: TARGETS }),
  balance: Default('least-requests', AnyOf(
    'Which target gets a request: of two at random the one with fewer in progress, each in turn, any, or by a key of the request.', [
      OneOf('The rule.', ['least-requests', 'round-robin', 'random']), Hash
    ], { typeName: '`"least-requests"`, `"round-robin"`, `"random"` or object', examples: ['least-requests', { hash: 'ip' }], errorMessage: BALANCE })),
  sticky: Optional(Sticky),
  slowStart: Default('10s', Duration('How long a target that comes back takes to get its whole share. `0` gives it at once.', { least: 0 })),
  health: Optional(Health),
  dns: Optional(Dns),
  ejection: Default({}, Switchable('When a target is left alone for a while, by how its requests end. `false`: never.', Ejection, { errorMessage: EJECTION })),
  maxConnections: Optional(Count('Connections to one target at once.', { least: 1 }), '4096, over HTTP/2 64'),
  maxConcurrent: Optional(Count('Requests in progress at one target at once. When all have as many, further ones wait.', { least: 1 }), 'as many as its connections carry'),
  maxQueue: Default(1024, Count('Requests that wait for a target. One more gets a 503 with `Retry-After`.', { least: 0 })),
  queueTimeout: Default('5s', Duration('How long a request waits for a target before it gets a 503 with `Retry-After`.')),
  keepAlive: Default('30s', Duration('How long an idle connection is kept, unless the service\'s `Keep-Alive` says less.')),
  connectTimeout: Default('5s', Duration('As that of a route.')),
  http2: Default(false, Switch('As that of a route.')),
  tls: Optional(UpstreamTls, '`{}`')
}, { errorMessage: 'must be an object such as { "targets": ["http://10.0.0.1:3002", "http://10.0.0.2:3002"] }' })

/** Where copies go. */
export const Mirror = Section('Send a copy of requests to another upstream. Its responses are thrown away, and its failures are nobody\'s. Bodies are copied where `bodyBuffer` collected them; requests with other bodies are not copied, nor are upgrades.', {
  upstream: Text('The name of one of `upstreams`.', { examples: ['payments-next'], errorMessage: 'must be the name of one of upstreams' }),
  percent: Default(100, Fraction('How many of the requests.', { least: 0, most: 100 }))
}, { errorMessage: 'must be an object such as { "upstream": "payments-next", "percent": 10 }' })

export const Upstreams = Dictionary('Services that run several times, by name; routes name them as their `upstream`.', Upstream, {
  names: 'upstream-name',
  typeName: 'object of upstreams',
  examples: [{ payments: { targets: ['http://10.0.0.1:3002', 'http://10.0.0.2:3002'] } }],
  errorMessage: 'must be an object such as { "payments": { "targets": ["http://10.0.0.1:3002", "http://10.0.0.2:3002"] } }'
})

import { Type } from 'typebox'
import { CLIENT_KEY } from './formats.js'
import { Count, Default, Duration, List, OneOf, Optional, Overrides, Secret, Section, Switchable, Text } from './kinds.js'
import { UpstreamTls } from './tls-schema.js'

const errorMessage = 'must be false or an object such as { "max": 1000, "timeWindow": "1m" }'

const StoreTls = Section('How a `rediss://` store is verified, and which certificate it is shown.', UpstreamTls.properties, {
  errorMessage: 'must be an object such as { "ca": "tls/ca.pem" }'
})

/** How often one client may call. */
export const RateLimit = Section('The limit.', {
  max: Count('How many requests one client may make within `timeWindow`.', { least: 1, examples: [1000] }),
  timeWindow: Default('1m', Duration('The time in which requests are counted.')),
  key: Optional(Text(
    'Who one client is: an address (`"ip"`; of IPv6 its /64 network), or who sends the same header (`"header:x-api-key"`) or cookie (`"cookie:session"`), or who is authenticated as the same (`"claim:sub"` of a token, `"claim:key"`, an API key\'s name, `"claim:user"`). ' +
    'Without that header, cookie or claim the address counts.', {
      format: 'client-key', examples: ['ip', 'header:x-api-key', 'cookie:session', 'claim:sub'], errorMessage: CLIENT_KEY
    }), '`"ip"`'),
  methods: Optional(List(
    'The methods that are counted; `GET` counts HEAD as well.',
    Text('A method.', { format: 'method', errorMessage: 'must be a method in capitals such as "POST"' }), {
      minItems: 1, examples: [['POST']], errorMessage: 'must be a list of methods such as ["POST"]'
    }), 'every method'),
  allowList: Optional(List(
    'The client addresses that are never limited, and ranges of them.',
    Text('An IP address or a CIDR range.', { format: 'address-range', errorMessage: 'must be an IP address, or a CIDR range such as "10.0.0.0/8"' }),
    { typeName: 'list of addresses', examples: [['127.0.0.1', '10.0.0.0/8']], errorMessage: 'must be a list of IP addresses and CIDR ranges' })),
  headers: Default('x-ratelimit', OneOf(
    'What tells a client of its limit: `X-RateLimit-Limit`, `-Remaining` and `-Reset`, or `RateLimit` and `RateLimit-Policy` of the IETF\'s draft.', ['x-ratelimit', 'draft'])),
  store: Default('memory', Secret(
    'Where requests are counted: in each process (`"memory"`), or in one Redis for all, `"redis://:password@host:6379/0"`, over TLS `"rediss://…"`. Needs `npm install ioredis`.', {
      format: 'limit-store',
      examples: ['memory', 'redis://localhost:6379', 'rediss://limits.internal:6380/2'],
      errorMessage: 'must be "memory" or a URL such as "redis://localhost:6379"'
    })),
  tls: Optional(StoreTls, '`{}`'),
  onStoreError: Default('allow', OneOf(
    'What happens to a request while the Redis does not respond within 50 ms: it passes uncounted, or gets a 503.', ['allow', 'deny'])),
  maxClients: Default(100_000, Count(
    'How many clients are counted at once in memory. With one more, the one seen longest ago is forgotten, and starts anew.', { least: 1, most: 10_000_000 }))
}, { errorMessage })

/** For all routes. */
export const GlobalRateLimit = Switchable(
  'How often one client may call, counted over all routes that have no limit of their own.', RateLimit, { errorMessage })

/** For one route. */
export const RouteRateLimit = Switchable(
  'The keys of `rateLimit` that differ for this route, or `false` to switch it off here. A route with its own limit counts apart.',
  Overrides(Type.Partial(RateLimit), errorMessage), { errorMessage })

/** How much of a route may be used at once. */
export const Concurrency = Section('How many requests of the route may be in progress at once, tunnels (WebSocket) among them. Counted in each process.', {
  max: Optional(Count('Of all clients together; further requests get a 503.', { least: 1, examples: [500] }), 'no limit'),
  perClient: Optional(Count('Of one client, who is what `rateLimit.key` of the route says; further requests get a 429.', { least: 1, examples: [20] }), 'no limit')
}, { errorMessage: 'must be an object such as { "max": 500, "perClient": 20 }' })

import { Type, type Static, type TSchema } from 'typebox'
import { ORIGIN, PREFIX } from './formats.js'
import { closed, defaults, Duration, FormattedText, Size, Switch, type Words } from './schema-parts.js'
import { Server } from './server-schema.js'
import { RouteTls } from './tls-schema.js'

// The one source: types come from it by Static, validation by ajv, and the
// published JSON Schema by publish.ts. `errorMessage` finishes the sentence
// "found …, must …" and is also what editors show.

/** `false`, or a section with its own keys. */
function Off<T extends TSchema> (section: T, words: Words) {
  return Type.Union([Type.Literal(false), section], words)
}

function HeaderNames (description: string) {
  return Type.Array(
    Type.String({ pattern: '^[A-Za-z0-9!#$%&\'*+.^_`|~-]+$', errorMessage: 'must be a header name such as "X-Total-Count"' }),
    { description, examples: [['X-Total-Count']], errorMessage: 'must be a list of header names' })
}

const ORIGINS = 'must be true, false, an origin such as "https://app.example.com", or a list of origins'

const corsKeys = {
  origin: Type.Union([
    Type.Boolean(),
    FormattedText('origin', { description: 'One origin, or "*" for all without credentials.', errorMessage: ORIGINS }),
    Type.Array(FormattedText('origin', { description: 'An origin.', errorMessage: ORIGIN }), { minItems: 1, errorMessage: ORIGINS })
  ], {
    description: 'Who may call from a browser. true allows every origin by reflecting it, false none.',
    examples: [['https://app.example.com'], true, '*'],
    errorMessage: ORIGINS
  }),
  credentials: Type.Optional(Switch('Let browsers send cookies and other credentials. Not together with the origin "*".', defaults.credentials)),
  methods: Type.Optional(Type.Array(
    Type.String({ pattern: '^[A-Z][A-Z-]*$', errorMessage: 'must be a method in capitals such as "GET"' }),
    { description: 'Methods that a preflight allows.', default: [...defaults.methods], errorMessage: 'must be a list of methods such as ["GET", "POST"]' })),
  allowedHeaders: Type.Optional(HeaderNames('Request headers that a preflight allows. Without it: whatever the browser asks for.')),
  exposedHeaders: Type.Optional(HeaderNames('Response headers that scripts in a browser may read.')),
  maxAge: Type.Optional(Type.Integer({
    minimum: 0,
    description: 'Seconds that a browser may keep the answer to a preflight.',
    examples: [600],
    errorMessage: 'must be a whole number of seconds, 0 or more'
  }))
}

const rateLimitKeys = {
  max: Type.Integer({
    minimum: 1,
    description: 'Requests that one client may make within timeWindow.',
    examples: [1000],
    errorMessage: 'must be a whole number, 1 or more'
  }),
  timeWindow: Type.Optional(Duration(1, { description: 'The time in which requests are counted.', default: defaults.timeWindow, examples: ['1m'] })),
  allowList: Type.Optional(Type.Array(
    FormattedText('address', { description: 'An IP address.', errorMessage: 'must be an IP address' }),
    { description: 'Client addresses that are never limited.', examples: [['127.0.0.1']], errorMessage: 'must be a list of IP addresses' }))
}

const CORS = 'must be false or an object such as { "origin": ["https://app.example.com"] }'
const RATE_LIMIT = 'must be false or an object such as { "max": 1000, "timeWindow": "1m" }'

const Cors = Type.Object(corsKeys, { ...closed, errorMessage: CORS })
const RateLimit = Type.Object(rateLimitKeys, { ...closed, errorMessage: RATE_LIMIT })

const TARGET = 'must be a URL such as "http://localhost:3001" or an object such as { "host": "localhost", "port": 3001 }'

const TargetParts = Type.Object({
  host: FormattedText('host', {
    description: 'A host name or an IP address.', examples: ['localhost', '::1'], errorMessage: 'must be a host name or an IP address'
  }),
  port: Type.Integer({
    minimum: 1, maximum: 65535, description: 'The port it listens on.', examples: [3001], errorMessage: 'must be a whole number from 1 to 65535'
  }),
  protocol: Type.Optional(Type.Enum(['http', 'https'], {
    description: 'How it is spoken to.', default: defaults.protocol, errorMessage: 'must be "http" or "https"'
  }))
}, { ...closed, errorMessage: TARGET })

const Route = Type.Object({
  prefix: FormattedText('prefix', {
    description: 'Requests whose path is this, or continues it after a "/", take this route; the longest prefix wins. No "/" at the end.',
    examples: ['/api/auth', '/'],
    errorMessage: 'must be a path such as "/api/auth"'
  }, PREFIX),
  target: Type.Union([
    TargetParts,
    FormattedText('target', {
      description: 'http:// or https://, a host and perhaps a port, and no path; or unix: and the path of a socket.', errorMessage: TARGET
    }, /^([Hh][Tt][Tt][Pp][Ss]?:\/\/[^/?#\s\\]+|unix:\/.+)$/)
  ], {
    description: 'The service that answers.',
    examples: [{ host: 'localhost', port: 3001, protocol: 'http' }, 'http://localhost:3001', 'unix:/run/app.sock'],
    errorMessage: TARGET
  }),
  pathRewrite: Type.Optional(Type.Object({
    pattern: FormattedText('safe-pattern', {
      description: 'A regular expression for the path; its first match is replaced.', examples: ['^/api/auth'], errorMessage: 'must be a regular expression in text'
    }),
    replacement: Type.String({
      pattern: '^[!"$->@-\\[\\]-~]*$',
      description: 'What the match becomes; $1 stands for the first group.',
      examples: ['/auth'],
      errorMessage: 'must be a path such as "/auth", or "" for none: no white space, "?", "#" or backslash, all beyond ASCII percent-encoded'
    })
  }, {
    ...closed,
    description: 'How the path changes on its way. Without it the path is forwarded as it came.',
    errorMessage: 'must be an object such as { "pattern": "^/api/auth", "replacement": "/auth" }'
  })),
  http2: Type.Optional(Switch('Speak HTTP/2 to the service, as gRPC needs: agreed in the TLS handshake, or known beforehand without TLS.', false)),
  tls: Type.Optional(RouteTls),
  connectTimeout: Type.Optional(Duration(1, {
    description: 'How long a connection to the service may take: its name, TCP and TLS.', default: defaults.connectTimeout, examples: ['5s']
  })),
  timeout: Type.Optional(Duration(1, {
    description: 'How long the service has to answer.', default: defaults.timeout, examples: ['30s', 30000]
  })),
  upgradeTimeout: Type.Optional(Duration(1, {
    description: 'How long a tunnel (WebSocket) may be silent in both directions before it is closed.',
    default: defaults.upgradeTimeout,
    examples: ['10m', '1h']
  })),
  maxBodySize: Type.Optional(Size({
    description: 'The largest body of a request; a larger one is answered 413.', default: defaults.maxBodySize, examples: ['10mb']
  })),
  minBodyRate: Type.Optional(Size({
    description: 'Bytes per second that the body of a request must come with, as the mean over requestTimeout. 0: no matter how slowly.',
    default: defaults.minBodyRate,
    examples: [128, '1kb']
  })),
  requestTimeout: Type.Optional(Duration(1, {
    description: 'Over which time minBodyRate is measured.', default: defaults.requestTimeout, examples: ['30s']
  })),
  cors: Type.Optional(Off(Type.Partial(Cors, { ...closed, errorMessage: CORS }), {
    description: 'Keys that differ from the global cors, or false to switch it off here.', errorMessage: CORS
  })),
  rateLimit: Type.Optional(Off(Type.Partial(RateLimit, { ...closed, errorMessage: RATE_LIMIT }), {
    description: 'Keys that differ from the global rateLimit, or false to switch it off here. A route with its own limit counts apart.',
    errorMessage: RATE_LIMIT
  }))
}, {
  ...closed,
  description: 'One prefix and the service behind it.',
  errorMessage: 'must be an object such as { "prefix": "/api/auth", "target": "http://localhost:3001" }'
})

const VIA = 'must be true, false or a name such as "edge-1"'

/** The schema of routes.json, and of the options that the plugin takes. */
export const GatewayConfigSchema = Type.Object({
  $schema: Type.Optional(Type.String({
    description: 'Where editors find this schema.', examples: ['./routes.schema.json'], errorMessage: 'must be the address of the schema'
  })),
  server: Type.Optional(Server),
  cors: Type.Optional(Off(Cors, { description: 'Which browsers may call; for all routes that do not say otherwise. false: switched off.', errorMessage: CORS })),
  rateLimit: Type.Optional(Off(RateLimit, {
    description: 'How often one client may call, over all routes without a limit of their own. false: switched off.', errorMessage: RATE_LIMIT
  })),
  forwarded: Type.Optional(Type.Enum(['x-forwarded', 'rfc7239', 'both'], {
    description: 'Which fields tell a service of its client: X-Forwarded-* and X-Real-IP, Forwarded (RFC 7239), or both.',
    default: defaults.forwarded,
    errorMessage: 'must be "x-forwarded", "rfc7239" or "both"'
  })),
  via: Type.Optional(Type.Union([
    Type.Boolean(),
    Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", errorMessage: VIA })
  ], {
    description: 'Enter the gateway in Via, in both directions, and refuse a request that comes back (508). ' +
      'true makes up a name that no other gateway has; a text is the name.',
    default: defaults.via,
    examples: [true, false, 'edge-1'],
    errorMessage: VIA
  })),
  routes: Type.Array(Route, { minItems: 1, description: 'The mounted prefixes.', errorMessage: 'must be a list with at least one route' })
}, { ...closed, description: 'The routes of a fastify-stream-gateway.', errorMessage: 'must be an object with "routes"' })

/** What a person may write in routes.json or give to the plugin. */
export type GatewayConfig = Static<typeof GatewayConfigSchema>

export type RouteConfig = GatewayConfig['routes'][number]
export type CorsConfig = Static<typeof Cors>
export type RateLimitConfig = Static<typeof RateLimit>

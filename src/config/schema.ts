import { Type, type Static, type TSchema } from 'typebox'
import { PREFIX, type Format } from './formats.js'
import { DURATION, LONGEST_TIMEOUT } from './units.js'

// The one source: types come from it by Static, validation by ajv, and the
// published JSON Schema by publish.ts. `errorMessage` finishes the sentence
// "found …, must …" and is also what editors show.

/** What holds where a configuration is silent. */
export const defaults = {
  trustProxy: false,
  shutdownTimeout: '30s',
  accessLog: true,
  credentials: false,
  methods: ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE'],
  timeWindow: '1m',
  timeout: '30s',
  protocol: 'http'
} as const

type Words = { description: string, errorMessage: string, default?: unknown, examples?: unknown[] }

const closed = { additionalProperties: false }

/** A string that one of our formats judges, beyond what a pattern can say. */
function Judged (format: Format, words: Words, pattern?: RegExp) {
  return Type.String({ ...words, ...(pattern && { pattern: pattern.source }), format })
}

function Duration (least: 0 | 1, words: Omit<Words, 'errorMessage'>) {
  const errorMessage = `must be a duration of ${least} to ${LONGEST_TIMEOUT} ms: ` +
    'whole milliseconds (30000) or text such as "500ms", "30s", "1m", "1h", "1d"'
  return Type.Union([
    Type.Integer({ minimum: least, maximum: LONGEST_TIMEOUT, errorMessage }),
    Type.String({ pattern: DURATION.source, format: least === 0 ? 'duration' : 'timeout', errorMessage })
  ], { ...words, errorMessage })
}

function Switch (description: string, byDefault: boolean) {
  return Type.Boolean({ description, default: byDefault, errorMessage: 'must be true or false' })
}

/** `false`, or a section with its own keys. */
function Off<T extends TSchema> (section: T, words: Words) {
  return Type.Union([Type.Literal(false), section], words)
}

function HeaderNames (description: string) {
  return Type.Array(
    Type.String({ pattern: '^[A-Za-z0-9!#$%&\'*+.^_`|~-]+$', errorMessage: 'must be a header name such as "X-Total-Count"' }),
    { description, examples: [['X-Total-Count']], errorMessage: 'must be a list of header names' })
}

const PROXIES = 'must be true, false, or the addresses or CIDR ranges of the proxies in front, such as "10.0.0.0/8" or "loopback" ' +
  '(a number of hops is refused: it says nothing about who may be trusted)'

const Server = Type.Object({
  trustProxy: Type.Optional(Type.Union([
    Type.Boolean(),
    Judged('proxies', { description: 'One, or several with commas between them.', errorMessage: PROXIES }),
    Type.Array(Judged('proxy', { description: 'An address, a CIDR range, loopback, linklocal or uniquelocal.', errorMessage: PROXIES }))
  ], {
    description: 'Which proxies in front may name the client in X-Forwarded-* fields. true trusts everybody, false nobody.',
    default: defaults.trustProxy,
    examples: [false, 'loopback', ['10.0.0.0/8', '192.168.1.7']],
    errorMessage: PROXIES
  })),
  shutdownTimeout: Type.Optional(Duration(0, {
    description: 'How long requests under way get to finish when the gateway stops.', default: defaults.shutdownTimeout, examples: ['30s']
  })),
  accessLog: Type.Optional(Switch('Write one log line for each request.', defaults.accessLog))
}, { ...closed, description: 'The gateway as a service.', errorMessage: 'must be an object such as { "trustProxy": false }' })

const ORIGIN = 'must be true, false, an origin such as "https://app.example.com", or a list of origins'

const corsKeys = {
  origin: Type.Union([
    Type.Boolean(),
    Judged('origin', { description: 'One origin, or "*" for all without credentials.', errorMessage: ORIGIN }),
    Type.Array(Judged('origin', { description: 'An origin.', errorMessage: ORIGIN }), { minItems: 1, errorMessage: ORIGIN })
  ], {
    description: 'Who may call from a browser. true allows every origin by reflecting it, false none.',
    examples: [['https://app.example.com'], true, '*'],
    errorMessage: ORIGIN
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
    Judged('address', { description: 'An IP address.', errorMessage: 'must be an IP address' }),
    { description: 'Client addresses that are never limited.', examples: [['127.0.0.1']], errorMessage: 'must be a list of IP addresses' }))
}

const CORS = 'must be false or an object such as { "origin": ["https://app.example.com"] }'
const RATE_LIMIT = 'must be false or an object such as { "max": 1000, "timeWindow": "1m" }'

const Cors = Type.Object(corsKeys, { ...closed, errorMessage: CORS })
const RateLimit = Type.Object(rateLimitKeys, { ...closed, errorMessage: RATE_LIMIT })

const TARGET = 'must be a URL such as "http://localhost:3001" or an object such as { "host": "localhost", "port": 3001 }'

const TargetParts = Type.Object({
  host: Judged('host', {
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
  prefix: Judged('prefix', {
    description: 'Requests whose path is this, or continues it after a "/", take this route; the longest prefix wins. No "/" at the end.',
    examples: ['/api/auth', '/'],
    errorMessage: 'must be a path such as "/api/auth"'
  }, PREFIX),
  target: Type.Union([
    TargetParts,
    Judged('target', { description: 'http:// or https://, a host and perhaps a port; no path.', errorMessage: TARGET }, /^[Hh][Tt][Tt][Pp][Ss]?:\/\/[^/?#\s\\]+$/)
  ], {
    description: 'The service that answers.',
    examples: [{ host: 'localhost', port: 3001, protocol: 'http' }, 'http://localhost:3001'],
    errorMessage: TARGET
  }),
  pathRewrite: Type.Optional(Type.Object({
    pattern: Judged('safe-pattern', {
      description: 'A regular expression for the path; its first match is replaced.', examples: ['^/api/auth'], errorMessage: 'must be a regular expression in text'
    }),
    replacement: Type.String({
      pattern: '^[!"$-~]*$',
      description: 'What the match becomes; $1 stands for the first group.',
      examples: ['/auth'],
      errorMessage: 'must be path text: no white space, no "#", everything beyond ASCII percent-encoded'
    })
  }, {
    ...closed,
    description: 'How the path changes on its way. Without it the path is forwarded as it came.',
    errorMessage: 'must be an object such as { "pattern": "^/api/auth", "replacement": "/auth" }'
  })),
  timeout: Type.Optional(Duration(1, {
    description: 'How long the service has to answer.', default: defaults.timeout, examples: ['30s', 30000]
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
  routes: Type.Array(Route, { minItems: 1, description: 'The mounted prefixes.', errorMessage: 'must be a list with at least one route' })
}, { ...closed, description: 'The routes of a fastify-stream-gateway.', errorMessage: 'must be an object with "routes"' })

/** What a person may write in routes.json or give to the plugin. */
export type GatewayConfig = Static<typeof GatewayConfigSchema>

export type RouteConfig = GatewayConfig['routes'][number]
export type CorsConfig = Static<typeof Cors>
export type RateLimitConfig = Static<typeof RateLimit>

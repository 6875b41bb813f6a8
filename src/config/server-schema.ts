import { Type } from 'typebox'
import { HEADER_SIZE, LEAST_HEADER_SIZE, MOST_HEADER_SIZE, PROXY } from './formats.js'
import { closed, Count, defaults, Duration, FormattedText, Switch } from './schema-parts.js'
import { Certificates, MinVersion, PrivateKey } from './tls-schema.js'
import { SIZE } from './units.js'

const PROXIES = 'must be true, false, or the addresses or CIDR ranges of the proxies in front, such as "10.0.0.0/8" or "loopback" ' +
  '(a number of hops is refused: it says nothing about who may be trusted)'

const SERVER_TLS = 'must be an object such as { "cert": "tls/cert.pem", "key": "tls/key.pem" }'

const ServerTls = Type.Object({
  cert: Certificates('The certificate that clients are shown, with those between it and its root.'),
  key: PrivateKey('The key of cert.'),
  ca: Type.Optional(Certificates('Clients must show a certificate that one of these signed. Without it none is asked for.')),
  minVersion: Type.Optional(MinVersion)
}, { ...closed, description: 'Serve https. Files that change are read again.', errorMessage: SERVER_TLS })

/** The section of the service itself. */
export const Server = Type.Object({
  trustProxy: Type.Optional(Type.Union([
    Type.Boolean(),
    FormattedText('proxies', { description: 'One, or several with commas between them.', errorMessage: PROXIES }),
    Type.Array(FormattedText('proxy', { description: 'An address, a CIDR range, loopback, linklocal or uniquelocal.', errorMessage: PROXY }))
  ], {
    description: 'Which proxies in front may name the client in X-Forwarded-* fields. true trusts everybody, false nobody.',
    default: defaults.trustProxy,
    examples: [false, 'loopback', ['10.0.0.0/8', '192.168.1.7']],
    errorMessage: PROXIES
  })),
  shutdownTimeout: Type.Optional(Duration(0, {
    description: 'How long requests under way get to finish when the gateway stops.', default: defaults.shutdownTimeout, examples: ['30s']
  })),
  accessLog: Type.Optional(Switch('Write one log line for each request.', defaults.accessLog)),
  tls: Type.Optional(ServerTls),
  http2: Type.Optional(Switch('Speak HTTP/2 to the clients that ask for it, and HTTP/1.1 to the others. Needs tls.', defaults.http2)),
  maxConnections: Type.Optional(Count(1, {
    description: 'Connections of clients that may be open at once, at each address; more are closed unheard.', default: defaults.maxConnections
  })),
  maxRequestsPerConnection: Type.Optional(Count(0, {
    description: 'Requests after which a connection is closed. 0: none.', default: defaults.maxRequestsPerConnection
  })),
  maxHeaderSize: Type.Optional(Type.Union([
    Type.Integer({ minimum: LEAST_HEADER_SIZE, maximum: MOST_HEADER_SIZE, errorMessage: HEADER_SIZE }),
    FormattedText('header-size', { description: 'A number and its unit.', errorMessage: HEADER_SIZE }, SIZE)
  ], {
    description: 'The largest head of a request; a larger one is answered 431.',
    default: defaults.maxHeaderSize,
    examples: ['16kb'],
    errorMessage: HEADER_SIZE
  })),
  headersTimeout: Type.Optional(Duration(1, {
    description: 'How long the head of a request may take, and the TLS handshake before it.', default: defaults.headersTimeout, examples: ['15s']
  })),
  keepAliveTimeout: Type.Optional(Duration(1, {
    description: 'How long a connection is kept for the next request.', default: defaults.keepAliveTimeout, examples: ['72s']
  }))
}, { ...closed, description: 'The gateway as a service.', errorMessage: 'must be an object such as { "trustProxy": false }' })

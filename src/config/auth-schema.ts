import { HEADER_NAME } from './header-names.js'
import { AnyOf, Count, Default, Dictionary, Duration, List, OneOf, Optional, Repeated, Secret, Section, Switch, Switchable, Text } from './kinds.js'

// Who may call: by what a request proves of who sends it, and by where it comes from.

const AUTH = 'must be an object such as { "jwt": { "jwksUrl": "https://id.example.com/jwks.json" } }'
const JWT = 'must be an object such as { "jwksUrl": "https://id.example.com/jwks.json", "audience": "payments" }'
const API_KEY = 'must be an object such as { "header": "x-api-key", "keys": { "shop": "${SHOP_KEY}" } }' // eslint-disable-line no-template-curly-in-string -- as it stands in the file
const KEYS = 'must be an object such as { "shop": "${SHOP_KEY}" }, or the path of a JSON file that has one' // eslint-disable-line no-template-curly-in-string -- as it stands in the file
const BASIC = 'must be an object such as { "file": "users.htpasswd" }'
const FORWARD = 'must be an object such as { "url": "http://localhost:9091/api/authz/forward-auth" }'
const CLAIMS = 'must be an object such as { "x-user": "sub" }'
const CLAIM = 'must be the name of a claim such as "sub" or "realm_access.roles"'
const ONE_OR_MORE = 'must be a text, or a list of texts'
const SCOPES = 'must be a list of scopes such as ["payments:read"]'
const REALM = 'must be text in ASCII without quotes and backslashes'
const RANGE = 'must be an IP address, or a CIDR range such as "10.0.0.0/8"'
const RANGES = 'must be a list of IP addresses and CIDR ranges'
const ACCESS = 'must be false or an object such as { "allow": ["10.0.0.0/8"] }'
const HEADERS = 'must be a list of header names'

/** By shared secrets, and by pairs of keys. */
export const SYMMETRIC = ['HS256', 'HS384', 'HS512'] as const
export const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const

function OneOrMore (description: string, examples: unknown[]) {
  const item = Text('One of them.', { pattern: /^./, errorMessage: ONE_OR_MORE })
  return AnyOf(description, [item, List('Several.', item, { minItems: 1, errorMessage: ONE_OR_MORE })], { examples, errorMessage: ONE_OR_MORE })
}

function HeaderName (description: string, examples: string[]) {
  return Text(description, { format: 'header-name', examples, errorMessage: HEADER_NAME })
}

function HeaderNames (description: string, examples: string[][]) {
  return List(description, HeaderName('A header.', ['cookie']), { examples, errorMessage: HEADERS })
}

const strip = (what: string) => Default(false, Switch(`Keep ${what} from the service.`))

const Jwt = Section(
  'A JSON Web Token (RFC 7519), verified by `jwksUrl`, `publicKey` or `secret`. Keys, algorithms and addresses that the token itself names never count. Needs `npm install jose`.', {
    jwksUrl: Optional(Text(
      'Where the keys of the issuer are. They are fetched when they are needed and kept, also while the address does not respond; a new key works at once, or 10 s after the last look for one.', {
        format: 'jwks-url', examples: ['https://id.example.com/.well-known/jwks.json'], errorMessage: 'must be a URL such as "https://id.example.com/jwks.json"'
      })),
    allowHttp: Default(false, Switch('Fetch `jwksUrl` over http from another machine as well: whoever is on the way could name the keys.')),
    publicKey: Optional(Text('A public key or a certificate: the path of a PEM file, which is read again when it changes, or PEM itself.', {
      format: 'public-key', typeName: 'path or PEM', examples: ['keys/issuer.pem'], errorMessage: 'must be the path of a PEM file with a public key, or PEM itself'
    })),
    secret: Optional(Secret('A secret shared with the issuer, of at least 32 characters; 48 for HS384, 64 for HS512.', {
      format: 'token-secret', examples: ['${JWT_SECRET}'], errorMessage: 'must be text of at least 32 characters' // eslint-disable-line no-template-curly-in-string -- as it stands in the file
    })),
    issuer: Optional(OneOrMore('Whose tokens are taken: the claim `iss`.', ['https://id.example.com']), 'any that the keys verify'),
    audience: Optional(OneOrMore('For whom the tokens must be: the claim `aud`. Without it a token for any other service passes as well.', ['payments']), 'any'),
    algorithms: Optional(List('The algorithms that are taken. Those of `secret` are never taken with a public key, nor the other way around.',
      OneOf('One of them.', [...SYMMETRIC, ...ASYMMETRIC]), { minItems: 1, examples: [['RS256', 'ES256']], errorMessage: 'must be a list of algorithms such as ["RS256"]' }), 'those that the key is made for; `["HS256"]` with a `secret`'),
    clockTolerance: Default('5s', Duration('How far the clock of the issuer may be off, for `exp` and `nbf`.', { least: 0 })),
    from: Default('header', Text('Where the token is: `"header"`, `Authorization: Bearer`, or a cookie.', {
      format: 'token-source', examples: ['header', 'cookie:session'], errorMessage: 'must be "header", or "cookie:" and a name'
    })),
    forward: Optional(Dictionary('Headers that tell the service of claims. A list has commas between its members; `realm_access.roles` is a claim inside another one.',
      Text('A claim.', { pattern: /^[!-~]+$/, errorMessage: CLAIM }), { names: 'header-name', examples: [{ 'x-user': 'sub', 'x-email': 'email' }], errorMessage: CLAIMS })),
    require: Default({}, Section('What a token must say.', {
      scope: Optional(List('Scopes, each of which must be in the claim `scope` or `scp`; else the request gets a 403.', Text('A scope.', { pattern: /^[!#-[\]-~]+$/, errorMessage: SCOPES }), { minItems: 1, examples: [['payments:read']], errorMessage: SCOPES })),
      claims: Optional(List('Claims that must be there, such as `exp`: a token without it never expires. Else the request gets a 401.', Text('A claim.', { pattern: /^[!-~]+$/, errorMessage: CLAIM }), { minItems: 1, examples: [['exp', 'sub']], errorMessage: 'must be a list of claims such as ["exp"]' }))
    }, { errorMessage: 'must be an object such as { "scope": ["payments:read"] }' })),
    strip: strip('the `Authorization` with the token')
  }, { errorMessage: JWT })

const ApiKey = Section('A key that the client shows, in a header or in the query.', {
  header: Optional(HeaderName('The header that has it.', ['x-api-key'])),
  query: Optional(Text('The parameter of the query that has it. The service never gets it; histories and logs of others may.', {
    pattern: /^[\w.~-]+$/, examples: ['api_key'], errorMessage: 'must be the name of a parameter such as "api_key"'
  })),
  keys: AnyOf('The keys by their names, `{ "shop": "${SHOP_KEY}" }`; or the path of a JSON file that has them so, which is read again when it changes.', [ // eslint-disable-line no-template-curly-in-string -- as it stands in the file
    Dictionary('Keys by name.', Secret('A key.', { pattern: /^[!-~]+$/, errorMessage: 'must be a key in ASCII without white space' }), { names: 'key-name', errorMessage: KEYS }),
    Text('A file.', { pattern: /./, errorMessage: KEYS })
  ], { typeName: 'object of keys, or path', examples: [{ shop: '${SHOP_KEY}' }, 'keys.json'], errorMessage: KEYS }), // eslint-disable-line no-template-curly-in-string -- as it stands in the file
  hashed: Default(false, Switch('Whether each key stands there as its SHA-256 in hexadecimal, so that whoever reads it has no key.')),
  forward: Optional(HeaderName('The header that tells the service the key\'s name.', ['x-consumer'])),
  strip: strip('the header with the key')
}, { errorMessage: API_KEY })

const Basic = Section('A name and a password (RFC 7617). Needs `npm install bcrypt`.', {
  file: Text('The path of an htpasswd file with bcrypt hashes, as `htpasswd -B` writes it. It is read again when it changes.', { pattern: /./, examples: ['users.htpasswd'], errorMessage: 'must be the path of an htpasswd file' }),
  realm: Default('gateway', Text('What a browser shows when it asks for the password.', { pattern: /^[ !#-[\]-~]+$/, errorMessage: REALM })),
  forward: Optional(HeaderName('The header that tells the service the user\'s name.', ['x-user'])),
  strip: strip('the `Authorization` with the password')
}, { errorMessage: BASIC })

const Forward = Section('Ask another service, such as oauth2-proxy or Authelia: a 2xx passes; a 3xx, 401 or 403 goes to the client.', {
  url: Text('Where it is asked, by a GET.', { format: 'auth-url', examples: ['http://authelia:9091/api/authz/forward-auth'], errorMessage: 'must be a URL such as "http://localhost:9091/verify"' }),
  copyRequestHeaders: Default(['accept', 'authorization', 'cookie', 'user-agent', 'x-requested-with'], HeaderNames(
    'Headers of the client that it gets, beside `X-Forwarded-Method`, `-Uri`, `-Proto`, `-Host` and `-For`.', [['authorization', 'cookie']])),
  copyResponseHeaders: Default([], HeaderNames('Headers of its 2xx that the service behind gets.', [['remote-user', 'remote-groups']])),
  copyClientHeaders: Default([], HeaderNames('Headers of its 2xx that the client gets, such as a cookie that it renews.', [['set-cookie']])),
  timeout: Default('5s', Duration('How long it may take. Then the client gets a 503.')),
  maxRequests: Default(256, Count('How many requests may wait for it at once. Further ones get a 503.', { least: 1 }))
}, { errorMessage: FORWARD })

const methods = { jwt: Optional(Jwt), apiKey: Optional(ApiKey), basic: Optional(Basic), forward: Optional(Forward) }

const Method = Section('A method.', methods, { errorMessage: AUTH })

/** What has its rows in the README's table already. */
const OneOfSeveral = Repeated(Method)

const METHODS = 'must be a list of methods such as [{ "jwt": {} }, { "apiKey": {} }]'

const Auth = Section('How requests are authenticated: one of these.', {
  ...methods,
  any: Optional(List('Several methods, one of which is enough. They are tried in this order.', OneOfSeveral, { minItems: 2, typeName: 'list of methods', errorMessage: METHODS })),
  all: Optional(List('Several methods, all of which are asked for.', OneOfSeveral, { minItems: 2, typeName: 'list of methods', errorMessage: METHODS }))
}, { errorMessage: AUTH })

export type AuthMethod = typeof Method
export type AuthSection = typeof Auth

/** For all routes. */
export const GlobalAuth = Switchable('Who may call, for all routes that do not say otherwise. Without credentials, or with wrong ones, a request gets a 401 and never reaches a service.', Auth, { errorMessage: AUTH })

/** For one route. */
export const RouteAuth = Switchable('As `auth`, in its place; `false` for a route that everybody may call.', Repeated(Auth), { errorMessage: AUTH })

function Addresses (description: string) {
  return List(description, Text('An IP address or a CIDR range.', { format: 'address-range', errorMessage: RANGE }), { minItems: 1, typeName: 'list of addresses', examples: [['10.0.0.0/8', '2001:db8::/32']], errorMessage: RANGES })
}

const Access = Section('Addresses.', {
  allow: Optional(Addresses('The only ones that may call.'), 'all'),
  deny: Optional(Addresses('Those that may not, whatever `allow` says.'))
}, { errorMessage: ACCESS })

export type AccessSection = typeof Access

/** For all routes. */
export const GlobalAccess = Switchable('From which addresses clients may call, for all routes that do not say otherwise. All others get a 403.', Access, { errorMessage: ACCESS })

/** For one route. */
export const RouteAccess = Switchable('As `access`, in its place; `false` for a route that may be called from everywhere.', Repeated(Access), { errorMessage: ACCESS })

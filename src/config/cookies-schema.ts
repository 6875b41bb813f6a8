import { COOKIE_DOMAIN, COOKIE_PATH } from './cookie-names.js'
import { Dictionary, OneOf, Optional, Section, Switch, Text } from './kinds.js'

const PATHS = 'must be an object of paths such as { "/auth": "/api/auth" }'
const DOMAINS = 'must be an object of domains such as { "auth.internal": "example.com" }, or "" for none'

/** How the cookies of a service change. */
export const Cookies = Section('How each `Set-Cookie` of the service changes. What is not named here passes as it came.', {
  path: Optional(Dictionary('Paths, and those below them: what they are to the service, and what to the client. The longest that fits counts.',
    Text('To the client.', { pattern: COOKIE_PATH, errorMessage: 'must be a path such as "/api/auth"' }),
    { names: 'cookie-path', examples: [{ '/auth': '/api/auth' }], errorMessage: PATHS })),
  domain: Optional(Dictionary('Domains: what they are to the service, and what to the client; `""` leaves the attribute out. A dot at the start does not count.',
    Text('To the client.', { pattern: new RegExp(`^$|${COOKIE_DOMAIN.source}`), errorMessage: 'must be a domain such as "example.com", or "" for none' }),
    { names: 'cookie-domain', examples: [{ 'auth.internal': 'example.com' }], errorMessage: DOMAINS })),
  secure: Optional(Switch('Add `Secure`, or take it away.'), 'as it came'),
  sameSite: Optional(OneOf('Set `SameSite`.', ['lax', 'strict', 'none']), 'as it came')
}, { errorMessage: 'must be an object such as { "path": { "/auth": "/api/auth" }, "secure": true }' })

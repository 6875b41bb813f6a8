import { HEADER_NAME } from './header-names.js'
import { HEADER_VALUE } from './header-template.js'
import { Dictionary, List, Optional, Section, Switch, Template, Text } from './kinds.js'

const errorMessage = 'must be an object such as { "request": { "set": { "X-Tenant": "a" } }, "response": { "remove": ["Server"] } }'
const RULES = 'must be an object such as { "set": { "X-Tenant": "a" }, "remove": ["X-Debug"] }'
const FIELDS = 'must be an object such as { "X-Client": "${client.ip}" }' // eslint-disable-line no-template-curly-in-string -- as it stands in the file

function Rules (description: string) {
  return Section(description, {
    remove: Optional(List('Headers that do not pass. An underscore in a name counts as a hyphen.',
      Text('A header.', { format: 'header-name', errorMessage: HEADER_NAME }), { examples: [['X-Debug']], errorMessage: 'must be a list of header names' })),
    set: Optional(Fields('Headers that take the place of all of their name. One whose value comes out empty is left out.')),
    append: Optional(Fields('Headers that are added to those of their name.'))
  }, { errorMessage: RULES })
}

function Fields (description: string) {
  return Dictionary(description, Template('A value.', { format: 'header-value', errorMessage: HEADER_VALUE }), {
    names: 'header-name', examples: [{ 'X-Tenant': 'a' }], errorMessage: FIELDS
  })
}

function Headers (description: string) {
  return Section(description, {
    request: Optional(Rules('On the way to the service.')),
    response: Optional(Rules('Of the responses of services, on the way to the client. What hooks of a host set on the reply stays.'))
  }, { errorMessage })
}

/** For all routes. */
export const GlobalHeaders = Headers(
  'Headers that change on their way: `remove`, then `set`, then `append`. In values, `${client.ip}`, `${client.protocol}`, `${request.id}`, `${request.host}`, ' + // eslint-disable-line no-template-curly-in-string -- as it stands in the file
  '`${route.prefix}` and claims (`${claim.sub}`, see `auth`) are filled in for each request. Not what frames a message or is of one connection, not `Host`, not what tells of the client.') // eslint-disable-line no-template-curly-in-string -- as it stands in the file

/** For one route. */
export const RouteHeaders = Headers(
  'As `headers`, for this route. What it sets or removes counts instead of what `headers` says of the same name; what it appends is added.')

/** For all routes. */
export const GlobalSecurityHeaders = Switch(
  'Give the responses of services `X-Content-Type-Options: nosniff`, `X-Frame-Options: SAMEORIGIN`, ' +
  '`Referrer-Policy: strict-origin-when-cross-origin`, `X-Permitted-Cross-Domain-Policies: none`, `X-XSS-Protection: 0`, and to clients that came over TLS ' +
  '`Strict-Transport-Security: max-age=31536000`, each where the service has not sent its own. `headers.response` overrides each.')

/** For one route. */
export const RouteSecurityHeaders = Switch('As `securityHeaders`, for this route.')

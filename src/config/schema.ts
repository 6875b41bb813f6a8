import { Type, type Static } from 'typebox'
import { Admin } from './admin-schema.js'
import { GlobalAccess, GlobalAuth } from './auth-schema.js'
import { GlobalCors } from './cors-schema.js'
import { GlobalHeaders, GlobalSecurityHeaders } from './headers-schema.js'
import { AnyOf, Default, List, OneOf, Optional, Section, Switch, Text } from './kinds.js'
import { GlobalRateLimit } from './rate-limit-schema.js'
import { RequestId } from './request-id-schema.js'
import { Route } from './route-schema.js'
import { Server } from './server-schema.js'
import { Upstreams } from './upstream-schema.js'

// The one source of every key. From it follow the types of what is written (Static) and of what runs (Normalized), the
// validation by ajv, the defaults, and what `npm run schema` writes: routes.schema.json and the README's table.

const VIA = 'must be true, false or a name such as "edge-1"'

/** The schema of routes.json, and of the options that the plugin takes. */
export const GatewayConfigSchema = Section('The routes of a fastify-stream-gateway.', {
  $schema: Optional(Text('Where editors find the schema.', { examples: ['./routes.schema.json'], errorMessage: 'must be the address of the schema' })),
  server: Default({}, Server),
  admin: Optional(Admin, 'off'),
  cors: Optional(GlobalCors),
  rateLimit: Optional(GlobalRateLimit),
  access: Optional(GlobalAccess, 'everywhere'),
  auth: Optional(GlobalAuth),
  forwarded: Default('x-forwarded', OneOf(
    'Which headers tell a service about its client: `X-Forwarded-*` and `X-Real-IP`, `Forwarded` (RFC 7239), or both.',
    ['x-forwarded', 'rfc7239', 'both'])),
  via: Default(true, AnyOf(
    'Add the gateway to `Via`, in both directions, and reject a request that comes back (508). ' +
    '`true` makes up a name that no other gateway has; text is the name.', [
      Type.Boolean(),
      Text('The name.', { pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, typeName: 'name', errorMessage: VIA })
    ], { examples: [true, false, 'edge-1'], errorMessage: VIA })),
  headers: Optional(GlobalHeaders),
  securityHeaders: Default(false, GlobalSecurityHeaders),
  requestId: Optional(RequestId),
  tracing: Default(true, Switch('Make spans for requests, and for what is sent to services, where an OpenTelemetry SDK is registered. Where none is, trace headers pass unchanged.')),
  upstreams: Default({}, Upstreams),
  routes: List('The mounted prefixes; at least one.', Route, { minItems: 1, errorMessage: 'must be a list with at least one route' })
}, { errorMessage: 'must be an object with "routes"' })

/** What a person may write in routes.json or give to the plugin. */
export type GatewayConfig = Static<typeof GatewayConfigSchema>

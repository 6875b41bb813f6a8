import { type Static, Type } from 'typebox'
import { ORIGIN } from './formats.js'
import { TOKEN } from './header-names.js'
import { AnyOf, Count, Default, List, Optional, Overrides, Section, Switch, Switchable, Text } from './kinds.js'

const errorMessage = 'must be false or an object such as { "origin": ["https://app.example.com"] }'
const ORIGINS = 'must be true, false, an origin such as "https://app.example.com", or a list of origins'

/** Which browsers may call. */
export const Cors = Section('The policy for browsers.', {
  origin: AnyOf('The origins that may call. `true` allows every origin by reflecting it, `false` allows none, `"*"` allows all without credentials. In `"https://*.example.com"` the `*` stands for exactly one label.', [
    Type.Boolean(),
    Text('One origin, or `"*"` for all without credentials.', { format: 'origin', errorMessage: ORIGINS }),
    List('Several origins.', Text('An origin.', { format: 'origin', errorMessage: ORIGIN }), { minItems: 1, errorMessage: ORIGINS })
  ], { examples: [['https://app.example.com', 'https://*.example.com'], true, '*'], errorMessage: ORIGINS }),
  credentials: Default(false, Switch('Let browsers send cookies and other credentials. Not together with the origin `"*"`.')),
  methods: Default(['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE'], List(
    'The methods that a preflight allows.',
    Text('A method.', { pattern: /^[A-Z][A-Z-]*$/, errorMessage: 'must be a method in capitals such as "GET"' }),
    { errorMessage: 'must be a list of methods such as ["GET", "POST"]' })),
  allowedHeaders: Optional(HeaderNames('The request headers that a preflight allows.'), 'what the browser asks for'),
  exposedHeaders: Optional(HeaderNames('The response headers that scripts in a browser may read.')),
  maxAge: Optional(Count('How long a browser may keep the response to a preflight.', { least: 0, of: 'seconds', examples: [600] }))
}, { errorMessage })

/** For all routes. */
export const GlobalCors = Switchable(
  'Which browsers may call, for all routes that do not say otherwise. ' +
  'Without it the gateway adds no CORS headers, and those of the services pass unchanged.', Cors, { errorMessage })

/** For one route. */
export const RouteCors = Switchable(
  'The keys of `cors` that differ for this route, or `false` to switch it off here.',
  Overrides(Type.Partial(Cors), errorMessage), { errorMessage })

export type CorsConfig = Static<typeof Cors>

function HeaderNames (description: string) {
  return List(
    description,
    Text('A header name.', { pattern: TOKEN, errorMessage: 'must be a header name such as "X-Total-Count"' }),
    { examples: [['X-Total-Count']], errorMessage: 'must be a list of header names' })
}

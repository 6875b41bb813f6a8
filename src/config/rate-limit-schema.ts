import { Type } from 'typebox'
import { Count, Default, Duration, List, Optional, Overrides, Section, Switchable, Text } from './kinds.js'

const errorMessage = 'must be false or an object such as { "max": 1000, "timeWindow": "1m" }'

/** How often one client may call. */
export const RateLimit = Section('The limit.', {
  max: Count('How many requests one client may make within `timeWindow`.', { least: 1, examples: [1000] }),
  timeWindow: Default('1m', Duration('The time in which requests are counted.')),
  maxClients: Default(100_000, Count('How many clients are counted at once. With one more, the one seen longest ago is forgotten, and starts anew.', { least: 1, most: 10_000_000 })),
  allowList: Optional(List(
    'The client addresses that are never limited.',
    Text('An IP address.', { format: 'address', errorMessage: 'must be an IP address' }),
    { typeName: 'list of addresses', examples: [['127.0.0.1']], errorMessage: 'must be a list of IP addresses' }))
}, { errorMessage })

/** For all routes. */
export const GlobalRateLimit = Switchable(
  'How often one client address may call, counted over all routes that have no limit of their own.', RateLimit, { errorMessage })

/** For one route. */
export const RouteRateLimit = Switchable(
  'The keys of `rateLimit` that differ for this route, or `false` to switch it off here. A route with its own limit counts apart.',
  Overrides(Type.Partial(RateLimit), errorMessage), { errorMessage })

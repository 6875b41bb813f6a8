import { AnyOf, Count, Default, Duration, Fraction, List, Optional, Section, Switchable, Text } from './kinds.js'

const RETRY = 'must be false or an object such as { "attempts": 2, "on": ["connect", "reset", 502, 503] }'
const ON = 'must be a list of "connect", "reset", "timeout" and statuses from 400 to 599'
const REASON = 'must be "connect", "reset", "timeout" or a status from 400 to 599'

export const Retry = Section('When a request is tried once more, at a target that was not tried yet.', {
  attempts: Default(1, Count('Further tries after the first.', { least: 1, most: 10 })),
  on: Default(['connect', 'reset'], List(
    'After what: `"connect"`, no connection came about, for any method whose body was not begun; `"reset"`, the connection broke before the head of a response; `"timeout"` of `perTryTimeout`; ' +
    'and statuses. All but the first for idempotent methods alone (GET, HEAD, OPTIONS, PUT, DELETE and their like), without a body or with one that `bodyBuffer` collected.',
    AnyOf('One of them.', [
      Text('What went wrong.', { pattern: /^(connect|reset|timeout)$/, errorMessage: REASON }),
      Count('A status.', { least: 400, most: 599 })
    ], { errorMessage: REASON }), { minItems: 1, typeName: 'list', examples: [['connect', 'reset', 502, 503]], errorMessage: ON })),
  perTryTimeout: Optional(Duration('How long a try may take until the head of its response, where another one is possible.'), 'as long as `timeout`'),
  budget: Default(0.2, Fraction('Tries beyond the first, as a part of the requests of the last 10 s; 3 a second more are always allowed, and so is one after no connection came about. So an outage is not multiplied.', { least: 0, most: 1 }))
}, { errorMessage: RETRY })

export const RouteRetry = Switchable(
  'When a request is tried again at another target of the upstream. `false`: never. A service\'s 503 with `Retry-After` that is tried elsewhere gives its target a rest for as long.', Retry, { errorMessage: RETRY })

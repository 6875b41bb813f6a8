import { BEARER_TOKEN } from './formats.js'
import { Count, Default, List, Optional, Secret, Section, Text } from './kinds.js'

const errorMessage = 'must be an object such as { "port": 9900 }'

/** The listener for those who run the gateway. */
export const Admin = Section('A listener of its own for those who run the gateway: a status page, metrics and health. Needs `npm install prom-client`.', {
  port: Default(9900, Count('Where it listens.', { least: 0, most: 65535 })),
  host: Default('127.0.0.1', Text('The address that it listens at. Where others can reach it, `token` is required.', { format: 'host', errorMessage: 'must be a host name or an IP address' })),
  token: Optional(Secret('What a request must bring as `Authorization: Bearer`, but for `/healthz` and `/readyz`.', {
    // eslint-disable-next-line no-template-curly-in-string -- a variable of the environment
    format: 'bearer-token', examples: ['${ADMIN_TOKEN}'], errorMessage: BEARER_TOKEN
  }), 'none is asked for'),
  hosts: Default([], List(
    'Names under which it is asked, beside `localhost` and the addresses that it listens at. A request for any other is rejected (421): a page whose name was bound to this machine must not read it.',
    Text('A name, without a port.', { format: 'host', errorMessage: 'must be a host name or an IP address' }),
    { examples: [['gateway.internal']], typeName: 'list of names', errorMessage: 'must be a list of host names such as ["gateway.internal"]' })),
  maxStreams: Default(16, Count('How many may follow `/api/events` at once, each open page being one; further ones get a 503.', { least: 1 }))
}, { errorMessage })

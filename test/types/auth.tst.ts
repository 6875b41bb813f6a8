import { describe, expect, test } from 'tstyche'
import type { GatewayOptions } from '../../src/index.js'

type Route = GatewayOptions['routes'][number]

describe('auth', () => {
  test('is a method, or several, or off for a route', () => {
    expect<GatewayOptions['auth']>().type.toBeAssignableFrom({ jwt: { jwksUrl: 'https://id.example.com/jwks.json', audience: ['a', 'b'], algorithms: ['ES256' as const], forward: { 'x-user': 'sub' }, require: { scope: ['a'] } } })
    expect<Route['auth']>().type.toBeAssignableFrom({ any: [{ basic: { file: 'users.htpasswd' } }, { apiKey: { header: 'x-api-key', keys: { shop: 'key' } } }] })
    expect<Route['auth']>().type.toBeAssignableFrom({ all: [{ forward: { url: 'http://localhost:9091', timeout: '2s' } }, { apiKey: { query: 'key', keys: 'keys.json', hashed: true } }] })
    expect<Route['auth']>().type.toBeAssignableFrom(false as const)
    expect<Route['auth']>().type.not.toBeAssignableFrom(true)
    expect<Route['auth']>().type.not.toBeAssignableFrom({ jwt: { secret: 'x', algorithms: ['none' as const] } })
    expect<Route['auth']>().type.not.toBeAssignableFrom({ any: [{ any: [] }] })
  })

  test('access has lists of addresses', () => {
    expect<Route['access']>().type.toBeAssignableFrom({ allow: ['10.0.0.0/8'], deny: ['::1'] })
    expect<GatewayOptions['access']>().type.toBeAssignableFrom(false as const)
    expect<Route['access']>().type.not.toBeAssignableFrom({ allow: '10.0.0.0/8' })
  })
})

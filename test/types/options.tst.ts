import Fastify from 'fastify'
import { describe, expect, test } from 'tstyche'
import streamGateway, { ConfigError } from '../../src/index.js'
import type { GatewayConfig, GatewayOptions } from '../../src/index.js'

type Route = GatewayOptions['routes'][number]

const routes: [Route] = [{ prefix: '/api', target: 'http://localhost:3001' }]

describe('the plugin', () => {
  const app = Fastify()

  test('takes what routes.json says, and Fastify\'s own options of a registration', () => {
    expect(app.register(streamGateway, { routes })).type.toBe<ReturnType<typeof app.register>>()
    app.register(streamGateway, { routes, accessLog: false, prefix: '/v1', cors: { origin: true }, rateLimit: { max: 10, timeWindow: '1m' } })
  })

  test('takes neither the section of the service nor an unknown key', () => {
    expect<GatewayOptions>().type.not.toBeAssignableFrom({ routes, server: {} })
    expect<GatewayOptions>().type.not.toBeAssignableFrom({ routes, route: [] })
    expect<GatewayOptions>().type.not.toBeAssignableFrom({})
  })
})

describe('routes.json', () => {
  test('has the section of the service', () => {
    expect<GatewayConfig>().type.toBeAssignableFrom({ routes, server: { trustProxy: ['10.0.0.0/8'], drainDelay: '5s' } })
  })

  test('a target is a URL or the parts of an address', () => {
    expect<Route['target']>().type.toBeAssignableFrom('unix:/run/app.sock')
    expect<Route['target']>().type.toBeAssignableFrom({ host: 'localhost', port: 3001, protocol: 'https' as const })
    expect<Route['target']>().type.not.toBeAssignableFrom({ host: 'localhost' })
    expect<Route['target']>().type.not.toBeAssignableFrom({ host: 'localhost', port: 3001, protocol: 'ftp' as const })
  })

  test('an upstream has targets, and a route names it', () => {
    type Upstream = NonNullable<GatewayConfig['upstreams']>[string]
    expect<Upstream>().type.toBeAssignableFrom({ targets: ['http://a', { url: 'http://b', weight: 3, backup: true }], balance: { hash: 'ip' as const, maxLoad: 1.25 } })
    expect<Upstream>().type.toBeAssignableFrom({ targets: ['http://a'], balance: 'round-robin' as const, ejection: false as const, health: { path: '/health' }, dns: {} })
    expect<Upstream>().type.not.toBeAssignableFrom({ targets: [{ weight: 3 }] })
    expect<Upstream>().type.not.toBeAssignableFrom({ targets: ['http://a'], balance: 'fastest' as const })
    expect<Route>().type.toBeAssignableFrom({ prefix: '/', upstream: 'app', retry: { attempts: 2, on: ['connect', 503] }, mirror: { upstream: 'next', percent: 0.5 } })
    expect<Route['retry']>().type.not.toBeAssignableFrom(true)
  })

  test('durations and sizes are numbers or text', () => {
    expect<Route['timeout' | 'connectTimeout' | 'requestTimeout' | 'upgradeTimeout']>().type.toBe<string | number | undefined>()
    expect<Route['maxBodySize' | 'minBodyRate' | 'bodyBuffer']>().type.toBe<string | number | undefined>()
  })

  test('policies hold for a route, or are off there', () => {
    expect<Route>().type.toBeAssignableFrom({ prefix: '/', target: 'http://x', cors: false as const, rateLimit: false as const })
    expect<Route>().type.toBeAssignableFrom({ prefix: '/', target: 'http://x', cors: { credentials: true }, rateLimit: { max: 1 } })
  })
})

test('a mistake is a ConfigError', () => {
  expect<ConfigError>().type.toBeAssignableTo<Error>()
})

import Fastify from 'fastify'
import type { FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import { describe, expect, test } from 'tstyche'
import type { EndedExchange, Gateway, GatewayFailure, GatewayHooks, GatewayOptions, Headers, RouteOptions, ServiceResponse, TargetChoice } from '../../src/index.js'

type Arguments<Name extends keyof GatewayHooks> = Parameters<NonNullable<GatewayHooks[Name]>>

describe('hooks', () => {
  test('stand in a route and at the top', () => {
    expect<GatewayOptions>().type.toBeAssignableFrom({ routes: [{ prefix: '/', target: 'http://x', getTarget: () => 'http://y' }], onEnd: async () => {} })
    expect<RouteOptions>().type.not.toBeAssignableFrom({ prefix: '/', target: 'http://x', getTarget: 'http://y' })
  })

  test('get the request of Fastify, and what each is about', () => {
    expect<Arguments<'getTarget'>>().type.toBe<[request: FastifyRequest]>()
    expect<Arguments<'rewritePath'>>().type.toBe<[path: string, request: FastifyRequest]>()
    expect<Arguments<'rewriteRequestHeaders'>>().type.toBe<[headers: Headers, request: FastifyRequest]>()
    expect<Arguments<'onResponse'>>().type.toBe<[request: FastifyRequest, response: ServiceResponse]>()
    expect<Arguments<'rewriteResponseHeaders'>>().type.toBe<[headers: Headers, request: FastifyRequest, response: ServiceResponse]>()
    expect<Arguments<'transformResponse'>>().type.toBe<[stream: Readable, request: FastifyRequest, response: ServiceResponse]>()
    expect<Arguments<'onError'>>().type.toBe<[error: GatewayFailure, request: FastifyRequest]>()
    expect<Arguments<'onEnd'>>().type.toBe<[exchange: EndedExchange<FastifyRequest>]>()
  })

  test('return what they choose, at once or later', () => {
    expect<NonNullable<GatewayHooks['getTarget']>>().type.toBeAssignableFrom(async () => undefined)
    expect<NonNullable<GatewayHooks['getTarget']>>().type.not.toBeAssignableFrom(() => 5)
    expect<NonNullable<GatewayHooks['rewriteRequestHeaders']>>().type.toBeAssignableFrom(() => ({ 'x-one': 1, 'x-two': ['a', 'b'] }))
    expect<NonNullable<GatewayHooks['rewriteRequestHeaders']>>().type.toBeAssignableFrom(() => {})
    expect<TargetChoice>().type.toBeAssignableFrom({ host: 'localhost', port: 3001 })
  })
})

test('fastify.gateway', () => {
  expect(Fastify().gateway).type.toBe<Gateway>()
  expect(Fastify().gateway.close()).type.toBe<Promise<void>>()
})

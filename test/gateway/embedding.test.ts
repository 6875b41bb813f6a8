import t from 'tap'
import streamGateway from '../../src/index.js'
import { call, start } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'

t.test('beside a host\'s route with a JSON parser', async t => {
  const { port: upstream } = await service(t, (request, response) => request.pipe(response))
  const { port } = await start(t, async app => {
    app.addContentTypeParser('text/csv', { parseAs: 'string' }, async (_request: unknown, body: string) => body.split(','))
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
    app.post('/host', async request => ({ parsed: request.body }))
  })
  const json = { method: 'POST', headers: { 'content-type': 'application/json' } }
  t.strictSame(JSON.parse(String((await call(port, '/host', { ...json, body: '{"a":1}' })).body)), { parsed: { a: 1 } })
  t.equal((await call(port, '/host', { ...json, body: '{"a":' })).status, 400, 'the host parses')
  t.equal((await call(port, '/api', { ...json, body: '{"a":' })).body.toString(), '{"a":', 'the gateway does not')
  const csv = { method: 'POST', headers: { 'content-type': 'text/csv' }, body: '1,2' }
  t.strictSame(JSON.parse(String((await call(port, '/host', csv)).body)), { parsed: ['1', '2'] })
  t.equal((await call(port, '/api', csv)).body.toString(), '1,2')
})

t.test('the host\'s hooks run before a request is forwarded, and may stop it', async t => {
  const seen: string[] = []
  const { port: upstream } = await service(t, (request, response) => {
    seen.push(request.url ?? '')
    response.end('service')
  })
  const { port } = await start(t, async app => {
    app.addHook('onRequest', async (request, reply) => {
      if (request.headers.authorization === undefined) return await reply.code(401).send({ error: 'who are you?' })
    })
    app.addHook('preHandler', async (request, reply) => {
      if (request.headers.authorization === 'guest') return await reply.code(403).send({ error: 'not you' })
    })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  })
  const ask = async (authorization?: string): Promise<string> => {
    const response = await call(port, '/api/x', { method: 'POST', body: 'x', headers: authorization === undefined ? {} : { authorization } })
    return `${response.status} ${String(response.body)}`
  }
  t.equal(await ask(), '401 {"error":"who are you?"}')
  t.equal(await ask('guest'), '403 {"error":"not you"}')
  t.equal(await ask('ada'), '200 service')
  t.strictSame(seen, ['/api/x'])
})

t.test('two registrations, with routes of their own', async t => {
  const services = await Promise.all(['a', 'b'].map(async name => await service(t, (request, response) => response.end(`${name} ${request.url}`))))
  const { port } = await start(t, async app => {
    for (const [index, { port: upstream }] of services.entries()) {
      await app.register(streamGateway, { routes: [{ prefix: `/api/${index}`, target: `http://127.0.0.1:${upstream}` }], rateLimit: { max: 9 }, cors: { origin: true } })
    }
  })
  t.equal((await call(port, '/api/0/x')).body.toString(), 'a /api/0/x')
  t.equal((await call(port, '/api/1/x')).body.toString(), 'b /api/1/x')
})

t.test('the host keeps its error and 404 handlers', async t => {
  const { port } = await start(t, async app => {
    app.setErrorHandler((error, _request, reply) => { reply.code(418).send(`host: ${String(error)}`) })
    app.setNotFoundHandler((_request, reply) => { reply.code(404).send('host: not found') })
    app.addHook('onRequest', async request => {
      if (request.headers['x-fail'] !== undefined) throw new Error('thrown by a hook')
    })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
    app.get('/host', async () => { throw new Error('thrown by a handler') })
  })
  t.equal((await call(port, '/host')).body.toString(), 'host: Error: thrown by a handler')
  t.equal((await call(port, '/nope')).body.toString(), 'host: not found')
  t.equal((await call(port, '/api', { headers: { 'x-fail': '1' } })).body.toString(), 'host: Error: thrown by a hook')
  t.match((await call(port, '/api')).json(), { success: false, error: { code: 'BAD_GATEWAY' } }, 'the gateway\'s own errors have their form')
})

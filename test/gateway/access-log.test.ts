import t from 'tap'
import { call, gatewayTo, start } from '../fixtures/gateway.js'
import { RawClient, rawService, service } from '../fixtures/peers.js'
import streamGateway from '../../src/index.js'

t.test('one line a request, with all there is to know', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('hello'))
  const { port, lines, nextLine } = await gatewayTo(t, upstream)
  const line = nextLine()
  await call(port, '/api/x?a=1&secret=1', { method: 'POST', body: 'x' })
  const { duration = -1, upstreamDuration = -1, ...rest } = await line
  t.match(rest, {
    level: 30, method: 'POST', ip: '127.0.0.1', url: '/api/x?a=1&secret=[redacted]', status: 200, route: '/api', target: `http://127.0.0.1:${upstream}`, bytes: 5, outcome: 'completed', reqId: 'req-1', msg: 'completed'
  })
  t.ok(upstreamDuration > 0 && duration >= upstreamDuration, 'the upstream\'s share is part of the whole')
  t.equal(lines.filter(({ reqId }) => reqId === 'req-1').length, 1, 'and Fastify\'s own two are off')
})

t.test('one line also when a host\'s hook responds', async t => {
  const { port, lines, nextLine } = await start(t, async app => {
    app.addHook('onRequest', async (_request, reply) => await reply.code(401).send('no'))
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] })
  })
  const line = nextLine()
  t.equal((await call(port, '/api/x')).status, 401)
  t.match(await line, { status: 401, outcome: 'rejected', method: 'GET', url: '/api/x' })
  t.equal(lines.filter(({ reqId }) => reqId === 'req-1').length, 1)
})

t.test('switched off, nothing is written', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('hello'))
  const { port, lines } = await gatewayTo(t, upstream, {}, { accessLog: false })
  await call(port, '/api/x')
  await call(port, '/api/../x')
  t.strictSame(lines.filter(({ reqId }) => reqId !== undefined), [])
})

t.test('a client that leaves before there is a response', async t => {
  let reached: () => void = () => {}
  const isReached = new Promise<void>(resolve => { reached = resolve })
  const { port: upstream, sockets } = await rawService(t, socket => { socket.on('data', () => reached()) })
  const { port, nextLine } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  const line = nextLine()
  client.send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await isReached
  const gone = new Promise(resolve => sockets[0]?.on('end', resolve))
  client.socket.destroy()
  t.match(await line, { status: 499, outcome: 'client aborted', bytes: 0, level: 30 })
  await gone
})

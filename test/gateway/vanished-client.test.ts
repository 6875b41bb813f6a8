import t from 'tap'
import streamGateway from '../../src/index.js'
import { start } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'

t.test('a client that resets its connection right behind its request is nobody, and not a local one that may be trusted', async t => {
  let forwarded = 0
  const { port: upstream } = await service(t, (_request, response) => {
    forwarded++
    response.end()
  })
  const clients: RawClient[] = []
  const { port, nextLine } = await start(t, async app => {
    // The kernel of the gateway has the reset now; Node is told of it in the next turn.
    app.addHook('onRequest', (_request, _reply, done) => {
      for (const { socket } of clients) socket.resetAndDestroy()
      done()
    })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  }, { trustProxy: 'loopback' })
  const line = nextLine()
  clients.push(new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n'))
  t.match(await line, { outcome: 'client aborted', status: 499 })
  t.equal(forwarded, 0)
})

t.test('nor does it keep its connection when an upload stands behind its request, which nobody reads', async t => {
  const { port: upstream } = await service(t, () => t.fail('forwarded'))
  const clients: RawClient[] = []
  const { app, port, nextLine } = await start(t, async app => {
    app.addHook('onRequest', (_request, _reply, done) => {
      for (const { socket } of clients) socket.resetAndDestroy()
      done()
    })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  })
  const closed = new Promise(resolve => app.server.once('connection', socket => socket.once('close', resolve)))
  const line = nextLine()
  // More than Node reads ahead comes with the head.
  const upload = `POST /api/y HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n${'x'.repeat(1_000_000)}`
  clients.push(new RawClient(t, port).send(`GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n${upload}`))
  t.match(await line, { outcome: 'client aborted', status: 499 })
  await closed
})

t.test('nor when a hook of the host fails as nobody is there any more', async t => {
  const { port: upstream } = await service(t, () => t.fail('forwarded'))
  const clients: RawClient[] = []
  const { app, port, nextLine } = await start(t, async app => {
    app.addHook('onRequest', (_request, _reply, done) => {
      for (const { socket } of clients) socket.resetAndDestroy()
      // In a later turn of the loop Node would know.
      done(new Error('no address'))
    })
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  })
  const closed = new Promise(resolve => app.server.once('connection', socket => socket.once('close', resolve)))
  const line = nextLine()
  clients.push(new RawClient(t, port).send(`POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000001\r\n\r\n${'x'.repeat(1_000_000)}`))
  t.match(await line, { status: 499 })
  await closed
})

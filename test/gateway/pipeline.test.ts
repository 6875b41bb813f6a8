import { once } from 'node:events'
import t from 'tap'
import streamGateway from '../../src/index.js'
import { respondNotFound } from '../../src/server/error-responses.js'
import { gatewayTo, start } from '../fixtures/gateway.js'
import { gone, RawClient, rawService, service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'

const get = (path: string | number): string => `GET /api/${path} HTTP/1.1\r\nHost: x\r\n\r\n`

for (const as of ['plugin', 'service'] as const) {
  t.test(`5,200 pipelined requests take one connection of the target, and get their responses in order (${as})`, async t => {
    let open = 0
    let most = 0
    const { port: upstream } = await service(t, (request, response) => {
      most = Math.max(most, ++open)
      setImmediate(() => {
        open--
        response.end(`<${request.url?.split('/').at(-1)}>`)
      })
    })
    const { port } = as === 'plugin' ? await gatewayTo(t, upstream) : await startService(t, {}, `http://127.0.0.1:${upstream}`)
    const client = new RawClient(t, port)
    const numbers = Array.from({ length: 5200 }, (_, index) => index)
    const chunks: Buffer[] = []
    client.keepText = false
    client.socket.on('data', chunk => { chunks.push(chunk) })
    client.send(numbers.map(get).join(''))
    while (chunks.at(-1)?.includes('<5199>') !== true) await once(client.socket, 'data')
    t.strictSame(Buffer.concat(chunks).toString('latin1').match(/(?<=\r\n\r\n<)\d+/g)?.map(Number), numbers)
    t.equal(most, 1)
  })
}

t.test('while a response is waited for, no more than a few reads are taken of what is pipelined behind it', async t => {
  let finish = (): void => {}
  let reached = (): void => {}
  const isReached = new Promise<void>(resolve => { reached = resolve })
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url !== '/first') {
      response.end(request.url === '/last' ? 'the last' : '')
      return
    }
    finish = () => response.end()
    reached()
  })
  const { app, port } = await gatewayTo(t, upstream)
  let requests = 0
  app.server.on('request', () => { requests++ })
  const client = new RawClient(t, port)
  client.keepText = false
  const sent = 10_000
  const behind = get('x').repeat(1000)
  client.send(get('first'))
  await isReached
  // What the kernel does not take stays with the client.
  for (let i = 0; i < sent; i += 1000) client.socket.write(behind, 'latin1')
  for (let seen = -1; seen !== requests; await new Promise(resolve => setTimeout(resolve, 100))) seen = requests
  t.ok(requests < 5_000, `${requests} of ${sent} were read`)
  finish()
  client.send(get('last'))
  let end = ''
  client.socket.on('data', chunk => { end = (end + chunk.toString('latin1')).slice(-100) })
  while (!end.includes('the last')) await once(client.socket, 'data')
  t.equal(requests, sent + 2)
})

t.test('the next request starts when the response before it is written', async t => {
  const events: string[] = []
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => {
      const path = String(chunk).split(' ')[1] ?? ''
      events.push(path)
      socket.write(`HTTP/1.1 103 Early Hints\r\nLink: <${path}>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n`)
      setTimeout(() => {
        events.push(`end of ${path}`)
        socket.write(path)
      }, 30)
    })
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send(get(1) + get(2) + get(3))
  await client.until(/^(HTTP\/1\.1 103 [^]*HTTP\/1\.1 200 [^]*\/[123]){3}$/)
  t.strictSame(events, ['/1', 'end of /1', '/2', 'end of /2', '/3', 'end of /3'])
})

t.test('a client that goes away takes the requests that wait with it: one line each, nothing more is forwarded', async t => {
  let closed: Promise<unknown> = Promise.resolve()
  let reached = (): void => {}
  const isReached = new Promise<void>(resolve => { reached = resolve })
  let forwarded = 0
  const { port: upstream } = await service(t, request => {
    forwarded++
    closed = gone(request.socket)
    reached()
  })
  const { port, lines, nextLine } = await gatewayTo(t, upstream, { rateLimit: { max: 1 } })
  const all = Array.from({ length: 60 }, nextLine)
  const client = new RawClient(t, port)
  client.send(Array.from({ length: 60 }, (_, index) => get(index)).join(''))
  await isReached
  client.socket.destroy()
  await closed
  for (const line of await Promise.all(all)) t.match(line, { outcome: 'client aborted', status: 499, route: '/api' })
  t.equal(forwarded, 1)
  t.equal(lines.filter(({ outcome }) => outcome !== undefined).length, 60)
})

t.test('behind a response that closes the connection nothing is started', async t => {
  let forwarded = 0
  const { port: upstream } = await service(t, (_request, response) => {
    forwarded++
    response.end('done')
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send(get('../x') + get(2) + get(3))
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 400 (?![^]*HTTP)/)
  t.equal(forwarded, 0)
})

t.test('an upload behind many requests waits for its turn, and arrives whole', async t => {
  const size = 300_000
  const { port: upstream } = await service(t, (request, response) => {
    let bytes = 0
    request.on('data', chunk => { bytes += chunk.length })
    request.on('end', () => response.end(`<${bytes}>`))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send(get('x').repeat(300))
  client.send(`PUT /api/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${size}\r\n\r\n`)
  await client.until(/HTTP\/1\.1 100 Continue\r\n\r\n$/)
  t.equal(client.received.match(/<0>/g)?.length, 300, 'not before')
  client.send('x'.repeat(size) + get('behind'))
  await client.until(new RegExp(`<${size}>[^]*<0>$`))
  t.pass('and the next is read')
})

t.test('an upgrade behind more requests than are read ahead', async t => {
  const { port: upstream, server } = await service(t, (_request, response) => response.end('x'))
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send(get('x').repeat(200) + 'GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly')
  await client.until(/ 101 [^]*early$/)
  client.send(' late')
  await client.until(/early late$/)
  t.equal(client.received.match(/ 200 /g)?.length, 200)
})

t.test('a request that closes the connection closes it behind the responses before its own', async t => {
  const { port: upstream } = await service(t, (_request, response) => response.end('x'))
  const { port } = await start(t, app => {
    app.setNotFoundHandler(respondNotFound)
    return app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  })
  const client = new RawClient(t, port)
  // No route takes the last, and it is malformed.
  client.send(get(1) + get(2) + 'GET /nope HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')
  await client.closed
  t.match(client.received.match(/(?<=HTTP\/1\.1 )\d+/g), ['200', '200', '400'])
})

import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import streamGateway from '../../src/index.js'
import { gatewayTo, start } from '../fixtures/gateway.js'
import { gone, RawClient, rawService, received } from '../fixtures/peers.js'

const ASK = 'GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: bytes/1, other\r\n\r\n'
const AGREE = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bytes/1\r\n\r\n'

/** A service that goes over to bytes at once, and says `early` with it. */
async function agreeing (t: Test, onTunnel: (socket: Socket) => void, early = ''): Promise<number> {
  const { port } = await rawService(t, socket => {
    let head = ''
    socket.on('data', function onHead (chunk: Buffer) {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', onHead)
      onTunnel(socket)
      socket.write(AGREE + early)
      socket.unshift(Buffer.from(head.slice(head.indexOf('\r\n\r\n') + 4), 'latin1'))
    })
  })
  return port
}

/** A client in an open tunnel, and the service's end of it. */
async function tunnel (t: Test, more: Parameters<typeof gatewayTo>[2] = {}): Promise<{ client: RawClient, service: Socket, line: ReturnType<Awaited<ReturnType<typeof gatewayTo>>['nextLine']>, app: Awaited<ReturnType<typeof gatewayTo>>['app'] }> {
  let onService: (socket: Socket) => void = () => {}
  const opened = new Promise<Socket>(resolve => { onService = resolve })
  const { app, port, nextLine } = await gatewayTo(t, await agreeing(t, socket => onService(socket)), more)
  const line = nextLine()
  const client = new RawClient(t, port).send(ASK)
  await client.until('\r\n\r\n')
  return { client, service: await opened, line, app }
}

/** Everything until the end of its half, whether or not it ends its own. */
async function all (socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  await once(socket, 'end')
  return Buffer.concat(chunks).toString('latin1')
}

t.test('bytes that come with the handshake are not lost, in either direction', async t => {
  let heard: Promise<string> = Promise.resolve('')
  const upstream = await agreeing(t, socket => { heard = received(socket, '!') }, 'early service')
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send(`${ASK}early client!`)
  t.match(await client.until('early service'), /^HTTP\/1\.1 101 Switching Protocols\r\n(?:(?!Content-Length|Transfer-Encoding|Keep-Alive)[^])*Connection: Upgrade\r\nUpgrade: bytes\/1\r\n[^]*\r\n\r\nearly service$/)
  t.equal(await heard, 'early client!')
})

t.test('the service is asked for what the client asked for, less what carries requests', async t => {
  const { port: upstream } = await rawService(t, async socket => {
    const head = await received(socket, '\r\n\r\n')
    socket.write(`${AGREE}${head}`)
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('OPTIONS http://x/api/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, X-Hop, HTTP2-Settings\r\nX-Hop: 1\r\nHTTP2-Settings: a\r\nUpgrade: h2c, bytes/1\r\nUpgrade: TLS/1.0\r\nContent-Length: 0\r\n\r\n')
  await client.until(/\r\n\r\nOPTIONS \/x HTTP\/1\.1\r\n[^]*\r\n\r\n$/)
  t.match(client.received, /\r\nConnection: Upgrade\r\nUpgrade: bytes\/1\r\n[^]*OPTIONS[^]*\r\nConnection: Upgrade\r\nUpgrade: bytes\/1\r\n/)
  t.notMatch(client.received, /X-Hop|HTTP2-Settings|h2c|TLS/)
})

t.test('half-close is kept: the client ends first, the service goes on', async t => {
  const { client, service, line } = await tunnel(t)
  const heard = all(service)
  client.send('last words')
  client.socket.end()
  t.equal(await heard, 'last words')
  service.write('still here')
  await client.until('still here')
  service.end(', bye')
  await client.closed
  t.match(client.received, /still here, bye$/)
  t.match(await line, { outcome: 'completed', status: 101, bytes: 15 })
})

t.test('half-close is kept: the service ends first, the client goes on', async t => {
  const { client, service, line } = await tunnel(t)
  client.socket.removeAllListeners('end')
  const heard = all(service)
  service.end('bye')
  await once(client.socket, 'end')
  t.match(client.received, /bye$/)
  client.send('still ')
  client.send('here')
  client.socket.end()
  t.equal(await heard, 'still here')
  t.match(await line, { outcome: 'completed' })
})

t.test('a last large message is delivered whole although its sender has closed in order', async t => {
  const { client, service, line } = await tunnel(t)
  const large = 24 * 1024 * 1024
  client.keepText = false
  service.resume()
  client.socket.end()
  await once(service, 'end')
  let bytes = 0
  // Slower than the service sends, so that its connection is closed while the client has some to read still.
  client.socket.on('data', chunk => {
    bytes += chunk.length
    client.socket.pause()
    setTimeout(() => client.socket.resume(), 1)
  })
  service.end(Buffer.alloc(large))
  await once(client.socket, 'end')
  t.equal(bytes, large)
  t.match(await line, { outcome: 'completed', bytes: large })
})

t.test('a client that breaks off takes the service\'s connection with it', async t => {
  const { client, service, line } = await tunnel(t)
  const failed = once(service, 'error')
  service.resume()
  client.socket.resetAndDestroy()
  t.match(await failed, [{ code: 'ECONNRESET' }])
  t.match(await line, { outcome: 'client aborted', status: 101, level: 30 })
})

t.test('a service that breaks off takes the client\'s connection with it', async t => {
  const { client, service, line } = await tunnel(t)
  service.resetAndDestroy()
  t.match(await client.closed, { code: 'ECONNRESET' })
  t.match(await line, { outcome: 'upstream error', status: 101, level: 40, err: { code: 'BAD_GATEWAY' } })
})

t.test('silence in both directions ends it after upgradeTimeout, bytes in one do not', async t => {
  const { client, service, line } = await tunnel(t, { upgradeTimeout: 400, timeout: 50 })
  const heard: string[] = []
  service.on('data', chunk => heard.push(String(chunk)))
  for (let i = 0; i < 5; i++) {
    await new Promise(resolve => setTimeout(resolve, 150))
    client.send('.')
  }
  t.notOk(service.destroyed)
  service.on('end', () => service.end())
  const since = performance.now()
  await Promise.all([client.closed, gone(service)])
  t.ok(performance.now() - since > 300)
  t.equal(heard.join(''), '.....')
  t.match(await line, { outcome: 'timeout', err: { code: 'GATEWAY_TIMEOUT' } })
})

for (const direction of ['client', 'service'] as const) {
  t.test(`the ${direction} sends no faster than the other side reads`, async t => {
    const { client, service, line } = await tunnel(t)
    client.keepText = false
    const [sender, reader] = direction === 'client' ? [client.socket, service] : [service, client.socket]
    reader.pause()
    const chunk = Buffer.alloc(1024 * 1024)
    let sent = 0
    // Until nothing is taken any more: sender, gateway and reader hold what they can.
    const send = (): void => {
      while (sent < 256 && sender.write(chunk)) sent++
      sent++
    }
    sender.on('drain', send)
    send()
    let before = -1
    while (before !== sent) {
      before = sent
      await new Promise(resolve => setTimeout(resolve, 200))
    }
    t.ok(sent < 64, `${sent} MiB of 256 were taken`)
    sender.off('drain', send)
    let bytes = 0
    reader.on('data', part => { bytes += part.length })
    sender.end()
    reader.resume()
    await once(reader, 'end')
    t.equal(bytes, sent * chunk.length)
    reader.end()
    t.match(await line, { outcome: 'completed' })
  })
}

t.test('a side that reads slowly but steadily is not silent', async t => {
  const { client, service, line } = await tunnel(t, { upgradeTimeout: 1000 })
  client.keepText = false
  const large = 16 * 1024 * 1024
  service.end(Buffer.alloc(large))
  let bytes = 0
  client.socket.on('data', chunk => {
    bytes += chunk.length
    client.socket.pause()
    setTimeout(() => client.socket.resume(), 5)
  })
  const since = performance.now()
  await once(client.socket, 'end')
  t.equal(bytes, large)
  t.ok(performance.now() - since > 1000)
  t.match(await line, { outcome: 'completed' })
})

t.test('one that reads nothing at all is cut off', async t => {
  const { client, service, line } = await tunnel(t, { upgradeTimeout: 200 })
  client.socket.pause()
  service.on('end', () => service.destroy())
  service.resume()
  service.write(Buffer.alloc(32 * 1024 * 1024))
  await gone(service)
  t.match(await line, { outcome: 'timeout' })
})

t.test('a client that goes while the service has not responded: the service is let go', async t => {
  for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
    let asked: (socket: Socket) => void = () => {}
    const isAsked = new Promise<Socket>(resolve => { asked = resolve })
    const { port: upstream } = await rawService(t, socket => { socket.once('data', () => asked(socket)) })
    const { port, nextLine } = await gatewayTo(t, upstream)
    const line = nextLine()
    const client = new RawClient(t, port).send(ASK)
    const service = await isAsked
    const over = gone(service)
    service.on('end', () => service.end())
    service.resume()
    client.socket[leave]()
    await over
    t.match(await line, { outcome: 'client aborted', status: 499 }, leave)
  }
})

t.test('what a service responds with that is no upgrade is 502', async t => {
  const responses = {
    'it dies': undefined,
    'a protocol that was not asked for': AGREE.replace('bytes/1', 'h2c'),
    'several, of which one was not asked for': AGREE.replace('bytes/1', 'bytes/1, h2c'),
    'no protocol': AGREE.replace('bytes/1', ''),
    'a 101 that names none': 'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'a reason with odd bytes': AGREE.replace('Switching', 'Swi\x01tching')
  }
  for (const [name, response] of Object.entries(responses)) {
    let closed: Promise<unknown> = Promise.resolve()
    const { port: upstream } = await rawService(t, socket => {
      closed = gone(socket)
      socket.once('data', () => {
        socket.resume()
        if (response === undefined) socket.destroy()
        else socket.write(`${response}bytes`)
      })
      socket.on('end', () => socket.end())
    })
    const { port, nextLine } = await gatewayTo(t, upstream)
    const line = nextLine()
    const client = new RawClient(t, port).send(`${ASK}early`)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 502 [^]*\r\nConnection: close\r\n[^]*"code":"BAD_GATEWAY"/i, name)
    await closed
    t.match(await line, { outcome: 'upstream error', status: 502 })
  }
})

t.test('a 101 that nobody asked for is 502', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.once('data', () => socket.write(AGREE))
    socket.on('end', () => socket.end())
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(await client.until('BAD_GATEWAY'), /^HTTP\/1\.1 502 /)
})

t.test('a hostile head of a 101: what frames a body is dropped, three cookies stay three', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.once('data', () => socket.write(AGREE.replace('\r\n\r\n', '\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nSet-Cookie: c=3\r\nKeep-Alive: timeout=5\r\nX-Odd: \xe4\r\n\r\nbytes'), 'latin1'))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send(ASK)
  const response = await client.until(/bytes$/)
  t.notMatch(response, /Content-Length|Keep-Alive/i)
  t.equal(response.match(/Set-Cookie/g)?.length, 3)
  t.match(response, /X-Odd: \xe4\r\n/)
})

t.test('a service that does not respond in time is 504', async t => {
  const { port: upstream } = await rawService(t, socket => { socket.resume() })
  const { port } = await gatewayTo(t, upstream, { timeout: 100 })
  const client = new RawClient(t, port).send(ASK)
  await client.closed
  t.match(client.received, /^HTTP\/1\.1 504 [^]*\r\nConnection: close\r\n/i)
})

t.test('a service that responds when the client has its error already', async t => {
  let agree = (): void => {}
  const { port: upstream } = await rawService(t, socket => {
    socket.once('data', () => { agree = () => socket.write(AGREE) })
  })
  const { port, nextLine } = await gatewayTo(t, upstream, { timeout: 100 })
  const line = nextLine()
  const client = new RawClient(t, port).send(ASK)
  await client.closed
  agree()
  t.match(await line, { outcome: 'timeout', status: 504 })
})

t.test('an app that closes ends its tunnels after a second, and takes no new ones', async t => {
  const { client, service, app, line } = await tunnel(t)
  const over = gone(service)
  service.on('end', () => service.end())
  const closing = app.close()
  client.send('after')
  t.equal(await received(service, 'after'), 'after', 'bytes still go through')
  service.resume()
  service.write('all')
  await client.until(/all$/)
  const since = performance.now()
  await closing
  t.ok(performance.now() - since > 500, 'the grace')
  await Promise.all([over, client.closed])
  t.match(await line, { outcome: 'client aborted', status: 101 })
})

t.test('an app closes at once when its tunnels have ended', async t => {
  const { client, service, app } = await tunnel(t)
  service.on('end', () => service.end())
  service.resume()
  const since = performance.now()
  const closing = app.close()
  client.socket.end()
  await closing
  t.ok(performance.now() - since < 900)
})

t.test('a handshake on the way of an app that closes is an ordinary request', async t => {
  const { port: upstream } = await rawService(t, async socket => {
    t.notMatch(await received(socket, '\r\n\r\n'), /upgrade/i)
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nordinary')
  })
  let onClosing = (): void => {}
  const isClosing = new Promise<void>(resolve => { onClosing = resolve })
  let open = (): void => {}
  const isOpen = new Promise<void>(resolve => { open = resolve })
  const { app, port } = await start(t, async app => {
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
    // After the gateway's own hook.
    await app.register(async scope => {
      scope.addHook('preClose', async () => {
        onClosing()
        await isOpen
      })
    })
  }, { return503OnClosing: false })
  const client = new RawClient(t, port)
  await once(client.socket, 'connect')
  const closing = app.close()
  await isClosing
  client.send(ASK)
  await client.until('ordinary')
  client.socket.destroy()
  open()
  await closing
})

t.test('a rejection is read whole by a client that has begun to send already', async t => {
  const { port: upstream } = await rawService(t, socket => {
    socket.once('data', () => socket.write('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno'))
    socket.on('end', () => socket.end())
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.socket.pause()
  client.send(ASK).send(Buffer.alloc(4 * 1024 * 1024))
  await new Promise<void>(resolve => { client.socket.end(resolve) })
  client.socket.resume()
  t.equal(await client.closed, undefined, 'no reset')
  t.match(client.received, /^HTTP\/1\.1 401 [^]*\r\nConnection: close\r\n[^]*no$/i)
})

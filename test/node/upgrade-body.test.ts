import { once } from 'node:events'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import { RawClient, rawService, received } from '../fixtures/peers.js'

// Upgrades whose request has a body, as `docker exec` sends them. Each Node has a way of its own with that body, so this
// runs under all of them. Each message names the internal where one is meant.

const SWITCH = 'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'
const BODY = '{"Detach":false,"Tty":true}'

/** A service that takes a request whose body ends with `end`, switches, and gives back what comes then. */
async function dockerd (t: Test, end: string, requests: string[] = []): Promise<number> {
  const { port } = await rawService(t, socket => {
    received(socket, end).then(text => {
      requests.push(text)
      socket.write(SWITCH)
      socket.pipe(socket)
    }, () => {})
  })
  return port
}

function head (length: number, more = ''): string {
  return `POST /api/exec/1/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${length}\r\n${more}\r\n`
}

t.test('the body goes first, and then the tunnel', async t => {
  const requests: string[] = []
  const { port, nextLine } = await gatewayTo(t, await dockerd(t, BODY, requests))
  const line = nextLine()
  const client = new RawClient(t, port).send(head(BODY.length) + BODY)
  t.match(await client.until('\r\n\r\n'), /^HTTP\/1\.1 101 UPGRADED\r\n[^]*Connection: Upgrade\r\nUpgrade: tcp\r\n/, 'emit of \'upgrade\': the body that came with the head')
  t.match(requests[0], /^POST \/exec\/1\/start HTTP\/1\.1\r\n/)
  t.match(requests[0], `Content-Length: ${BODY.length}\r\n`)
  t.match(requests[0], 'Connection: Upgrade\r\nUpgrade: tcp\r\n')
  t.equal(requests[0]?.split('\r\n\r\n')[1], BODY)
  client.send('ls\n')
  await client.until('ls\n')
  client.socket.end()
  await client.closed
  t.match(await line, { method: 'POST', status: 101, outcome: 'completed' })
})

t.test('a body in pieces, with bytes for the tunnel right behind it', async t => {
  const { port } = await gatewayTo(t, await dockerd(t, BODY))
  const text = `${head(BODY.length)}${BODY}first`
  for (const at of [1, text.indexOf('\r\n\r\n') + 4, text.length - 20, text.length - 5, text.length - 2]) {
    const client = new RawClient(t, port).send(text.slice(0, at))
    client.socket.setNoDelay(true)
    await new Promise(resolve => setImmediate(resolve))
    client.send(text.slice(at))
    await client.until('\r\n\r\nfirst')
    client.send(' second')
    t.ok(await client.until('first second'), `cut at ${at}: the stream in the place of the connection`)
  }
})

t.test('a large body, at the pace of the service', async t => {
  const large = Buffer.alloc(8 * 1024 * 1024, 'abcdefg')
  const pieces: Buffer[] = []
  let length = 0
  const { port: upstream } = await rawService(t, socket => {
    socket.on('data', chunk => {
      pieces.push(chunk)
      length += chunk.length
      if (chunk.includes('END')) socket.write(SWITCH)
    })
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send(head(large.length + 3)).send(large).send('END')
  await client.until('101 UPGRADED')
  const all = Buffer.concat(pieces, length)
  t.ok(all.subarray(all.indexOf('\r\n\r\n') + 4).equals(Buffer.concat([large, Buffer.from('END')])))
})

t.test('a tunnel that is written before the 101, more than one buffer of it', async t => {
  const early = `${'x'.repeat(512 * 1024)}END`
  const go: (() => void)[] = []
  const { port: upstream } = await rawService(t, socket => {
    received(socket, BODY).then(() => {
      go.push(() => {
        socket.write(SWITCH)
        socket.pipe(socket)
      })
      waiting()
    })
  })
  let waiting = (): void => {}
  const isAsked = new Promise<void>(resolve => { waiting = resolve })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send(head(BODY.length).slice(0, -2))
  await new Promise(resolve => setImmediate(resolve))
  client.send(`\r\n${BODY.slice(0, 5)}`)
  await new Promise(resolve => setImmediate(resolve))
  client.send(`${BODY.slice(5)}${early}`)
  await isAsked
  go[0]?.()
  const echoed = (await client.until('END')).split('\r\n\r\n')[1] ?? ''
  t.equal(echoed.length, early.length)
  t.ok(echoed === early)
})

t.test('a service that says no, before and after the end of the body', async t => {
  const { port: upstream } = await rawService(t, socket => {
    received(socket, '\r\n\r\n').then(() => socket.write('HTTP/1.1 409 Conflict\r\nContent-Length: 7\r\n\r\nrunning'))
  })
  const { port, nextLine } = await gatewayTo(t, upstream)
  for (const sent of [BODY.slice(0, 3), BODY]) {
    const line = nextLine()
    const client = new RawClient(t, port).send(head(BODY.length) + sent)
    t.match(await client.until('running'), /^HTTP\/1\.1 409 Conflict\r\n[^]*connection: close\r\n/i)
    await client.closed
    t.match(await line, { status: 409, outcome: 'completed' })
  }
})

t.test('a 101 before the end of the body is none', async t => {
  const { port: upstream } = await rawService(t, socket => {
    received(socket, '\r\n\r\n').then(() => socket.write(SWITCH))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port).send(head(BODY.length) + BODY.slice(0, 3))
  t.match(await client.until('BAD_GATEWAY'), /^HTTP\/1\.1 502 Bad Gateway\r\n/)
})

t.test('a body that is too large', async t => {
  const { port } = await gatewayTo(t, await dockerd(t, BODY), { maxBodySize: 10 })
  const client = new RawClient(t, port).send(head(BODY.length) + BODY)
  t.match(await client.until('PAYLOAD_TOO_LARGE'), /^HTTP\/1\.1 413 Payload Too Large\r\n/)
  await client.closed
})

t.test('a client that is gone in the middle of its body', async t => {
  let asked = (_socket: Socket): void => {}
  const service = new Promise<Socket>(resolve => { asked = resolve })
  const { port: upstream } = await rawService(t, socket => { received(socket, BODY.slice(0, 3)).then(() => asked(socket)) })
  const { port, nextLine } = await gatewayTo(t, upstream)
  const line = nextLine()
  const client = new RawClient(t, port).send(head(BODY.length) + BODY.slice(0, 3))
  const socket = await service
  const closed = once(socket, 'close')
  socket.on('end', () => socket.end())
  client.socket.destroy()
  await closed
  t.match(await line, { outcome: 'client aborted' })
})

t.test('in chunks, or after 100 Continue, it is an ordinary request', async t => {
  const requests: string[] = []
  const { port: upstream } = await rawService(t, socket => {
    received(socket, BODY).then(text => {
      requests.push(text)
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
  })
  const { port } = await gatewayTo(t, upstream)
  for (const framing of [{ 'Transfer-Encoding': 'chunked' }, { 'Content-Length': BODY.length, Expect: '100-continue' }]) {
    const client = request({ port, host: '127.0.0.1', method: 'POST', path: '/api/x', headers: { Connection: 'Upgrade', Upgrade: 'tcp', ...framing } })
    client.end(BODY)
    const [response] = await once(client, 'response')
    t.equal(response.statusCode, 200)
    response.resume()
    t.notMatch(requests.pop(), /^upgrade:/im)
  }
})

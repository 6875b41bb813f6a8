import { createHash } from 'node:crypto'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { RawClient, rawService, received, service } from '../fixtures/peers.js'

const BODIES: [name: string, type: string | undefined, body: string][] = [
  ['JSON', 'application/json', '{"a": 1,   "b":"\\u00e9"}'],
  ['broken JSON', 'application/json', '{"a": '],
  ['empty JSON', 'application/json', ''],
  ['a form', 'application/x-www-form-urlencoded', 'a=1&b=%20'],
  ['multipart', 'multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n\u0000\u0001\r\n--x--\r\n'],
  ['an unknown type', 'application/x-never-heard-of', 'bytes'],
  ['a type that is no type', 'not a type; at all', 'bytes'],
  ['an empty type', '', 'bytes'],
  ['no type', undefined, 'bytes']
]

t.test('the body arrives byte for byte, whatever it claims to be', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    const hash = createHash('sha256')
    request.on('data', chunk => hash.update(chunk))
    request.on('end', () => response.end(JSON.stringify({
      method: request.method, type: request.headers['content-type'] ?? null, length: request.headers['content-length'], hash: hash.digest('hex')
    })))
  })
  const { port } = await gatewayTo(t, upstream)
  for (const method of ['POST', 'PATCH', 'DELETE', 'PROPFIND', 'REPORT']) {
    for (const [name, type, body] of BODIES) {
      const response = await call(port, '/api/x', { method, body, headers: { ...(type === undefined ? {} : { 'content-type': type }), 'content-length': String(Buffer.byteLength(body)) } })
      t.strictSame(JSON.parse(response.body.toString()), {
        method,
        type: type ?? null,
        length: String(Buffer.byteLength(body)),
        hash: createHash('sha256').update(body).digest('hex')
      }, `${method} with ${name}`)
    }
  }
})

t.test('a POST without any framing is told to have an empty body', async t => {
  const { port: upstream, sockets } = await rawService(t, socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  while (sockets[0] === undefined) await new Promise(resolve => setImmediate(resolve))
  const head = await received(sockets[0], '\r\n\r\n')
  t.match(head, /^POST \/x HTTP\/1\.1\r\n[^]*\r\nContent-Length: 0\r\n/)
})

t.test('a chunked body stays chunked, and its parts arrive as they are sent', async t => {
  const parts: string[] = []
  let onPart: (part: string) => void = () => {}
  const { port: upstream } = await service(t, (request, response) => {
    t.equal(request.headers['transfer-encoding'], 'chunked')
    t.equal(request.headers['content-length'], undefined)
    request.on('data', chunk => { parts.push(String(chunk)); onPart(String(chunk)) })
    request.on('end', () => response.end('done'))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  const first = new Promise<string>(resolve => { onPart = resolve })
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n')
  t.equal(await first, 'first', 'before the last part was sent')
  client.send('4\r\nlast\r\n0\r\n\r\n')
  await client.until('done')
  t.strictSame(parts, ['first', 'last'])
})

t.test('Expect: 100-continue gets its response on this hop, and the body arrives once', async t => {
  const { port: upstream } = await service(t, (request, response) => {
    t.equal(request.headers.expect, undefined)
    let body = ''
    request.on('data', chunk => { body += chunk })
    request.on('end', () => response.end(`got ${body}`))
  })
  const { port } = await gatewayTo(t, upstream)
  const client = new RawClient(t, port)
  client.send('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n')
  await client.until('HTTP/1.1 100 Continue\r\n\r\n')
  client.send('body')
  await client.until('got body')
})

for (const framing of ['Content-Length: 4', 'Transfer-Encoding: chunked']) {
  t.test(`the head arrives before the first byte of the body, which waits for the response (${framing})`, async t => {
    const { port: upstream } = await service(t, (request, response) => {
      response.flushHeaders()
      request.pipe(response)
    })
    const { port } = await gatewayTo(t, upstream)
    const client = new RawClient(t, port)
    client.send(`POST /api/x HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`)
    await client.until('200 OK')
    client.send(framing.startsWith('C') ? 'body' : '4\r\nbody\r\n0\r\n\r\n')
    await client.until('body')
  })
}

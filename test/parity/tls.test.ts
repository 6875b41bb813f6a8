import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { RawClient } from '../fixtures/peers.js'
import { pair, pem, secureService } from '../fixtures/tls.js'

const own = (name: string): { cert: string, key: string } => ({ cert: pem(`${name}.pem`), key: pem(`${name}.key`) })

t.test('the name that is asked for must be one of the certificate\'s, or match its wildcard; its subject counts where it has no others', async t => {
  const names: Array<[certificate: string, servername: string, status: number]> = [
    ['wildcard', 'example.com', 200],
    ['wildcard', 'foo.example.com', 200],
    // It is the subject's.
    ['wildcard', 'no.match.example.com', 502],
    ['common-name', '2.example.com', 200],
    ['common-name', 'bad.example.com', 502]
  ]
  for (const [certificate, servername, status] of names) {
    const { port: upstream } = await secureService(t, own(certificate), (_request, response) => response.end('ok'))
    const { port } = await gatewayTo(t, upstream, { target: `https://127.0.0.1:${upstream}`, tls: { ca: pem(`${certificate}.pem`), servername } })
    t.equal((await call(port, '/api/x')).status, status, servername)
  }
})

t.test('who signed it must be one of those that are named', async t => {
  const { port: upstream } = await secureService(t, own('common-name'), (_request, response) => response.end('ok'))
  const { port } = await gatewayTo(t, upstream, { target: `https://127.0.0.1:${upstream}`, tls: { ca: pem('wildcard.pem'), servername: '2.example.com' } })
  t.equal((await call(port, '/api/x')).status, 502)
})

const route = (port: number): { target: string, tls: { ca: string } } => ({ target: `https://localhost:${port}`, tls: { ca: pem('ca.pem') } })

t.test('bodies of any size go both ways, on one connection that is kept', async t => {
  const { port: upstream, server } = await secureService(t, pair('localhost'), async (request, response) => {
    const chunks = await request.toArray()
    response.end(Buffer.concat(chunks))
  })
  let connections = 0
  server.on('secureConnection', () => connections++)
  const { port } = await gatewayTo(t, upstream, route(upstream))
  for (const length of [0, 1, 16_384, 16_385, 8_000, 1_000_000, 0]) {
    const { body } = await call(port, '/api/x', { method: 'POST', body: Buffer.alloc(length, 'x') })
    t.equal(body.length, length)
  }
  t.equal(connections, 1)
})

t.test('an empty upload of a client of HTTP/2', async t => {
  const { port: upstream } = await secureService(t, pair('localhost'), async (request, response) => {
    const chunks = await request.toArray()
    response.end(`${request.method} ${Buffer.concat(chunks).length}`)
  })
  const { port } = await http2Gateway(t, '', route(upstream))
  const client = new Http2Client(t, port)
  t.equal((await client.ask({ ':method': 'POST', ':path': '/api/x' }).closed).body, 'POST 0')
  t.equal((await client.ask({ ':method': 'POST', ':path': '/api/x' }, '').closed).body, 'POST 0')
})

t.test('an upload arrives part by part', async t => {
  const parts: string[] = []
  const { port: upstream } = await secureService(t, pair('localhost'), (request, response) => {
    request.on('data', chunk => { parts.push(String(chunk)) })
    request.on('end', () => response.end('ok'))
  })
  const { port } = await gatewayTo(t, upstream, route(upstream))
  for (const [head, ...sent] of [
    ['Content-Length: 10', '01234', '56789'], ['Transfer-Encoding: chunked', '5\r\n01234\r\n', '5\r\n56789\r\n', '0\r\n\r\n']
  ]) {
    const client = new RawClient(t, port).send(`POST /api/x HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`)
    for (const [nth, part] of ['01234', '56789'].entries()) {
      const before = parts.length
      client.send(sent[nth] ?? '')
      while (parts.length === before) await new Promise(resolve => setImmediate(resolve))
      t.equal(parts.at(-1), part)
    }
    client.send(sent[2] ?? '')
    await client.until(/ok(\r\n0\r\n\r\n)?$/)
  }
})

import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import streamGateway from '../../src/index.js'
import { start } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'

const BODY = Buffer.alloc(2_000_000, 'upload')

function sumOf (body: Buffer): string {
  return createHash('sha1').update(body).digest('hex')
}

/** How a host reads along, by the events that it listens for. */
const readers: Record<string, (request: IncomingMessage, read: (bytes: Buffer) => void) => void> = {
  data: (request, read) => request.on('data', read),
  readable: (request, read) => request.on('readable', () => {
    for (let bytes = request.read(); bytes !== null; bytes = request.read()) read(bytes)
  })
}

for (const [event, listen] of Object.entries(readers)) {
  t.test(`an upload that a host reads along by '${event}' reaches the service whole, at the pace of that`, async t => {
    const { port: upstream } = await service(t, async (request, response) => {
      const hash = createHash('sha1')
      for await (const chunk of request) {
        hash.update(chunk)
        // Slower than it comes.
        await new Promise(resolve => setImmediate(resolve))
      }
      response.end(hash.digest('hex'))
    })
    const seen: Buffer[] = []
    const { port } = await start(t, async app => {
      app.addHook('onRequest', (request, _reply, done) => {
        listen(request.raw, bytes => seen.push(bytes))
        done()
      })
      await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
    })
    const client = new RawClient(t, port)
    client.send(`POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${BODY.length}\r\n\r\n`).send(BODY)
    await client.closed
    t.match(client.received, /^HTTP\/1\.1 200 /)
    t.match(client.received, sumOf(BODY))
    t.equal(sumOf(Buffer.concat(seen)), sumOf(BODY))
  })
}

import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { gatewayTo } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'

const SIZE = 64 * 1024 * 1024

/** Bytes that differ everywhere, so that a lost or doubled piece changes the sum. */
function * pieces (): Generator<Buffer> {
  for (let i = 0, left = SIZE; left > 0; i++) {
    const piece = Buffer.alloc(Math.min(left, 60_000 + i % 7919), createHash('md5').update(String(i)).digest())
    left -= piece.length
    yield piece
  }
}

function sum (): string {
  const hash = createHash('sha256')
  for (const piece of pieces()) hash.update(piece)
  return hash.digest('hex')
}

for (const framing of ['Content-Length', 'chunked']) {
  t.test(`64 MiB arrive whole, by ${framing}`, async t => {
    const { port: upstream } = await service(t, (request, response) => {
      const hash = createHash('sha256')
      request.on('data', chunk => hash.update(chunk))
      request.on('end', () => response.end(hash.digest('hex')))
    })
    const { port } = await gatewayTo(t, upstream)
    const upload = request({ port, host: '127.0.0.1', path: '/api/upload', method: 'POST', agent: false })
    if (framing === 'Content-Length') upload.setHeader('content-length', SIZE)
    const response = new Promise<string>((resolve, reject) => {
      upload.on('error', reject)
      upload.on('response', async message => {
        let text = ''
        for await (const chunk of message) text += chunk
        resolve(text)
      })
    })
    await pipeline(Readable.from(pieces()), upload)
    t.equal(await response, sum())
  })

  t.test(`64 MiB are downloaded whole, by ${framing}`, async t => {
    const { port: upstream } = await service(t, (_request, response) => {
      response.writeHead(200, framing === 'Content-Length' ? { 'content-length': SIZE } : {})
      pipeline(Readable.from(pieces()), response).catch(t.threw)
    })
    const { port, nextLine } = await gatewayTo(t, upstream)
    const line = nextLine()
    const hash = createHash('sha256')
    await new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', path: '/api/download', agent: false }, message => {
        message.on('data', chunk => hash.update(chunk))
        message.on('end', resolve)
        message.on('error', reject)
      }).on('error', reject).end()
    })
    t.equal(hash.digest('hex'), sum())
    t.equal((await line).bytes, SIZE)
  })
}

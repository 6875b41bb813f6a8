import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createNetServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { childOptions, ownUsage, serve } from './child.js'
import { LARGE, SMALL } from './bodies.js'
import { readSlowly } from './pace.js'
import type { Pace } from './pace.js'

// The service behind every contender. Pinned beside the load generator, so it does as little as it can.

export interface UpstreamOptions {
  /** How many more ports it listens on, each as if it were another service. */
  ports: number
}

const CHUNK = Buffer.alloc(128 * 1024, 'd')

const { ports } = childOptions<UpstreamOptions>()
let served = 0
const server = createServer((request, response) => {
  served++
  const [path = '', query] = request.url?.split('?', 2) ?? []
  switch (path) {
    case '/api/small': return answer(response, 'application/json', SMALL)
    case '/api/large': return answer(response, 'application/octet-stream', LARGE)
    case '/api/count': return count(request, response)
    case '/api/upload': return count(request, response, paceOf(new URLSearchParams(query)))
    case '/api/download': return download(response, Number(new URLSearchParams(query).get('bytes')))
    case '/api/seen': return answer(response, 'application/json', Buffer.from(JSON.stringify(request.headers)))
    default:
      if (path.startsWith('/api/routes/')) return answer(response, 'application/json', SMALL)
      response.writeHead(404).end()
  }
})
server.requestTimeout = 0
server.keepAliveTimeout = 120_000
const port = await listen(server)
const more = Array.from({ length: ports }, () => {
  return createNetServer({ allowHalfOpen: true, noDelay: true }, socket => server.emit('connection', socket))
})
serve({ port, more: await Promise.all(more.map(listen)) }, () => ({ ...ownUsage(), served }))

async function listen (server: Server): Promise<number> {
  server.listen(0, '127.0.0.1', 4096)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function answer (response: ServerResponse, type: string, body: Buffer): void {
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length })
  response.end(body)
}

/** Reads the body, as fast as it comes or at a pace, and answers with its length. */
function count (request: IncomingMessage, response: ServerResponse, pace?: Pace): void {
  let received = 0
  request.on('end', () => answer(response, 'application/json', Buffer.from(JSON.stringify({ received }))))
  if (pace === undefined) request.on('data', take)
  else readSlowly(request, pace, take)

  function take (chunk: Buffer): number {
    received += chunk.length
    return received
  }
}

function paceOf (query: URLSearchParams): Pace {
  return { rate: Number(query.get('rate')), delay: Number(query.get('delay')) }
}

/** Writes as fast as it is let. */
function download (response: ServerResponse, bytes: number): void {
  let left = bytes
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes })
  response.on('drain', write)
  write()

  function write (): void {
    while (left > 0) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK
      left -= chunk.length
      if (!response.write(chunk)) return
    }
    response.end()
  }
}

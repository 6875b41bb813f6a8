import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from './child.js'
import { LARGE, SMALL } from './bodies.js'

// The service behind every contender. Pinned beside the load generator, so it does as little as it can.

const PACE_INTERVAL = 50

const server = createServer((request, response) => {
  const [path = '', query] = request.url?.split('?', 2) ?? []
  switch (path) {
    case '/api/small': return answer(response, 'application/json', SMALL)
    case '/api/large': return answer(response, 'application/octet-stream', LARGE)
    case '/api/count': return count(request, response)
    case '/api/upload': return count(request, response, paceOf(new URLSearchParams(query)))
    case '/api/seen': return answer(response, 'application/json', Buffer.from(JSON.stringify(request.headers)))
    default: response.writeHead(404).end()
  }
})
server.requestTimeout = 0
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', 4096)
await once(server, 'listening')
serve((server.address() as AddressInfo).port)

function answer (response: ServerResponse, type: string, body: Buffer): void {
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length })
  response.end(body)
}

/** Reads the body, as fast as it comes or at a pace, and answers with its length. */
function count (request: IncomingMessage, response: ServerResponse, pace?: Pace): void {
  let received = 0
  request.on('data', (chunk: Buffer) => { received += chunk.length })
  request.on('end', () => answer(response, 'application/json', Buffer.from(JSON.stringify({ received }))))
  if (pace !== undefined) readSlowly(request, pace, () => received)
}

interface Pace {
  /** Bytes per second. */
  rate: number
  /** Milliseconds in which nothing is read, so that everything between fills up. */
  delay: number
}

function paceOf (query: URLSearchParams): Pace {
  return { rate: Number(query.get('rate')), delay: Number(query.get('delay')) }
}

function readSlowly (request: IncomingMessage, { rate, delay }: Pace, received: () => number): void {
  const start = performance.now() + delay
  request.pause()
  request.on('data', () => { if (received() >= allowed()) request.pause() })
  const timer = setInterval(() => { if (received() < allowed()) request.resume() }, PACE_INTERVAL)
  request.on('close', () => clearInterval(timer))

  function allowed (): number {
    return (performance.now() - start) * rate / 1000
  }
}

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { Rejection, sendJson, wholeNumber } from './service.js'
import type { Responses, Call } from './service.js'

/** What every service responds to: one path for each thing that a gateway can get wrong. */
export const common: Responses = {
  'GET /health': health,
  '/echo': echo,
  '/inspect': inspect,
  'GET /slow': slow,
  'GET /events': events,
  'GET /download': download,
  'POST /upload': upload,
  '/hangup': hangup
}

function health ({ name, response }: Call): void {
  sendJson(response, 200, { service: name, status: 'ok' })
}

/** The body comes back as it arrives, so that a client can wait for one chunk before it sends the next. */
async function echo ({ request, response }: Call): Promise<void> {
  response.writeHead(200, { 'content-type': request.headers['content-type'] ?? 'application/octet-stream' })
  response.flushHeaders()
  await pipeline(request, response)
}

/** What reached the service, which shows what the gateway made of it. */
async function inspect ({ name, request, response }: Call): Promise<void> {
  const { method, url, rawHeaders } = request
  sendJson(response, 200, { service: name, method, url, rawHeaders, ...await digest(request) })
}

async function slow ({ name, response, query }: Call): Promise<void> {
  const ms = wholeNumber(query, 'ms', 2000)
  await wait(ms, undefined, { signal: goneSignal(response) })
  sendJson(response, 200, { service: name, waited: ms })
}

async function events ({ name, response, query }: Call): Promise<void> {
  const count = wholeNumber(query, 'count', 5)
  const every = wholeNumber(query, 'every', 500)
  const signal = goneSignal(response)
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  for (let id = 1; id <= count; id++) {
    if (id > 1) await wait(every, undefined, { signal })
    response.write(`id: ${id}\nevent: tick\ndata: {"service":"${name}","tick":${id}}\n\n`)
  }
  response.end()
}

/** The bytes 0, 1, 2 … 255 over and over: whoever knows the size knows the download. */
async function download ({ name, request, response, query }: Call): Promise<void> {
  const size = byteSize(query.get('size') ?? '1mb')
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': size,
    'content-disposition': `attachment; filename="${name}.bin"`
  })
  if (request.method === 'HEAD') response.end()
  else await pipeline(blocks(size), response)
}

async function upload ({ request, response }: Call): Promise<void> {
  sendJson(response, 200, await digest(request))
}

/** A service that crashes: the connection ends before there is a response. */
function hangup ({ request }: Call): void {
  request.socket.destroy()
}

async function digest (request: IncomingMessage): Promise<{ bytes: number, sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    hash.update(chunk)
  })
  await once(request, 'end', { signal: goneSignal(request) })
  return { bytes, sha256: hash.digest('hex') }
}

/** Aborts what a response waits for when the client is gone. */
function goneSignal (message: IncomingMessage | ServerResponse): AbortSignal {
  const gone = new AbortController()
  message.once('close', () => gone.abort())
  return gone.signal
}

const BLOCK = Buffer.alloc(64 * 1024, Uint8Array.from({ length: 256 }, (_, byte) => byte))

function * blocks (size: number): Generator<Buffer> {
  let left = size
  for (; left >= BLOCK.length; left -= BLOCK.length) yield BLOCK
  if (left > 0) yield BLOCK.subarray(0, left)
}

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }

function byteSize (given: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([kmg]?b)?$/i.exec(given) ?? []
  const factor = UNITS[unit.toLowerCase()]
  if (digits === undefined || factor === undefined) throw new Rejection(400, `size must be like 64mb, not "${given}"`)
  return Number(digits) * factor
}

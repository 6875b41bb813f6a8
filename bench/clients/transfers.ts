import { once } from 'node:events'
import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { ORIGIN } from '../contenders/duties.js'
import { readSlowly } from '../pace.js'
import type { Pace } from '../pace.js'

export type Direction = 'uploads' | 'downloads'

const CHUNK = Buffer.alloc(128 * 1024, 'u')
/** Milliseconds without a byte in either direction. */
const PATIENCE = 20_000

/** Many bodies at once to slow readers. Returns what went wrong with any. */
export async function transfer (direction: Direction, port: number, transfers: number, bytes: number, pace: Pace): Promise<string[]> {
  const start = direction === 'uploads' ? upload : download
  const ends = await Promise.allSettled(Array.from({ length: transfers }, () => start(port, bytes, pace)))
  return [...new Set(ends.flatMap(end => end.status === 'rejected' ? [`one of the ${direction}: ${String(end.reason)}`] : []))]
}

/** Writes as fast as backpressure allows; the upstream reads slowly. Its response tells that all bytes arrived. */
async function upload (port: number, bytes: number, { rate, delay }: Pace): Promise<void> {
  const call = open(port, 'POST', `/api/upload?rate=${rate}&delay=${delay}`, { 'Content-Length': `${bytes}` })
  const responded = respondedTo(call)
  await pipeline(Readable.from(chunks(bytes)), call)
  const body = await text(await responded)
  if (body !== `{"received":${bytes}}`) throw new Error(body)
}

/** Reads slowly; the upstream writes as fast as backpressure allows. */
async function download (port: number, bytes: number, pace: Pace): Promise<void> {
  const call = open(port, 'GET', `/api/download?bytes=${bytes}`, {})
  call.end()
  const response = await respondedTo(call)
  let received = 0
  readSlowly(response, pace, chunk => { received += chunk.length; return received })
  await once(response, 'end')
  if (received !== bytes) throw new Error(`${received} bytes`)
}

function open (port: number, method: string, path: string, headers: Record<string, string>): ClientRequest {
  const call = request({ host: '127.0.0.1', port, method, path, headers: { Origin: ORIGIN, ...headers }, agent: false, timeout: PATIENCE })
  return call.on('timeout', () => call.destroy(new Error('nothing moves')))
}

async function respondedTo (call: ClientRequest): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => { call.on('response', resolve).on('error', reject) })
}

function * chunks (bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield CHUNK.subarray(0, Math.min(left, CHUNK.length))
}

import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { readSlowly } from './pace.js'
import { listen } from './ports.js'
import { LARGE_GET, SMALL_GET } from './shots.js'

// The upstream behind every contender. It shares a core with the load, and a fast contender waits for it: so it knows of
// HTTP only what a gateway sends to it, one request at a time with a Content-Length.
// Argument: how many more ports it listens on, each as if it were another upstream. It prints all of its ports.

const CHUNK = Buffer.alloc(128 * 1024, 'd')
const SMALL = response('application/json', SMALL_GET.expected)
const LARGE = response('application/octet-stream', LARGE_GET.expected)

/** Requests by the name and port that the client asked, which tells through which contender they came. */
const counts = new Map<string, number>()

const ports = Array.from({ length: 1 + Number(process.argv[2]) }, () => listen(createServer({ noDelay: true }, serve)))
console.log((await Promise.all(ports)).join(' '))

function serve (socket: Socket): void {
  let buffered: Buffer = Buffer.alloc(0)
  /** A connection belongs to one contender, which was asked at one place. */
  let asked: string | undefined

  socket.on('error', () => {})
  socket.on('data', read)

  function read (chunk: Buffer): void {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
    const end = buffered.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = buffered.toString('latin1', 0, end)
    const field = (name: string) => new RegExp(`^${name}: *(.*)\r?$`, 'im').exec(head)?.[1] ?? ''
    const body = head.startsWith('POST ') ? Number(field('content-length')) : 0
    const [path = '', query] = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP')).split('?', 2)
    const upload = path === '/api/upload'
    if (!upload && buffered.length < end + 4 + body) return
    const received = buffered.length - end - 4
    buffered = Buffer.alloc(0)
    asked ??= field('x-forwarded-host')
    counts.set(asked, (counts.get(asked) ?? 0) + 1)
    if (path === '/api/large') socket.write(LARGE)
    else if (path === '/api/post') socket.write(response('application/json', JSON.stringify({ received })))
    else if (upload) receive(body, received, new URLSearchParams(query))
    else if (path === '/api/download') send(Number(new URLSearchParams(query).get('bytes')))
    else if (path === '/api/seen') socket.write(response('text/plain', `${field('x-forwarded-for')} ${field('x-forwarded-proto')} ${asked}`))
    else if (path === '/count') socket.write(response('text/plain', `${counts.get(query ?? '') ?? 0}`))
    else socket.write(SMALL)
  }

  /** Reads a body at a pace, and responds with its length. */
  function receive (bytes: number, received: number, parameters: URLSearchParams): void {
    socket.off('data', read)
    readSlowly(socket, { rate: Number(parameters.get('rate')), delay: Number(parameters.get('delay')) }, chunk => {
      received += chunk.length
      if (received === bytes) socket.end(response('application/json', JSON.stringify({ received })))
      return received
    })
  }

  /** Writes as fast as backpressure allows. */
  function send (left: number): void {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${left}\r\n\r\n`)
    socket.on('drain', write)
    write()

    function write (): void {
      while (left > 0) {
        const chunk = CHUNK.subarray(0, Math.min(left, CHUNK.length))
        left -= chunk.length
        if (!socket.write(chunk)) return
      }
      socket.off('drain', write)
    }
  }
}

function response (type: string, body: string): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
}

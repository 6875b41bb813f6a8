import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { CANCEL, DATA, END_HEADERS, END_STREAM, frame, Frames, HEADERS, NO_ERROR, PREFACE, requestFields, reset, RST_STREAM, SETTINGS } from '../fixtures/frames.js'
import { http2Gateway } from '../fixtures/http2.js'
import { rawService } from '../fixtures/peers.js'

const STREAMS = 60
const PIECE = Buffer.alloc(1_000)

/** Milliseconds in which all of the streams have to end. */
const MOMENTS = 5_000

/** What a client does with the upload of its nth stream. */
interface Upload {
  /** Whether it is the client that resets the stream: it is told of no end then. */
  readonly leaves: boolean
  run (socket: Socket, stream: number, nth: number): Promise<void>
}

const uploads: Record<string, Upload> = {
  'stays open': { leaves: false, run: async () => {} },
  'goes on and ends': {
    leaves: false,
    async run (socket, stream, nth) {
      for (let piece = 0; piece < nth % 8; piece++) {
        socket.write(frame(DATA, 0, stream, PIECE))
        await turns(nth % 3)
      }
      socket.write(frame(DATA, END_STREAM, stream))
    }
  },
  'ends at once': { leaves: false, run: async (socket, stream) => { socket.write(frame(DATA, END_STREAM, stream, PIECE)) } },
  'is cancelled': resetWith(CANCEL),
  'is reset without an error': resetWith(NO_ERROR)
}

/** At another moment for each stream, so that some meet the response. */
function resetWith (code: number): Upload {
  return {
    leaves: true,
    async run (socket, stream, nth) {
      await turns(nth % 8)
      socket.write(reset(stream, code))
    }
  }
}

/** What a service does with a request. */
const services: Record<string, string> = {
  garbage: 'this is not HTTP\r\n\r\n',
  502: 'HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbad'
}

for (const [what, bytes] of Object.entries(services)) {
  for (const [how, upload] of Object.entries(uploads)) {
    t.test(`${what} in response to an upload that ${how}: each stream ends, and the session goes on`, async t => {
      await run(t, bytes, upload)
    })
  }
}

async function run (t: Test, bytes: string, upload: Upload): Promise<void> {
  const { port: upstream, sockets } = await rawService(t, socket => {
    socket.once('data', () => socket.end(bytes))
  })
  const { port, lines } = await http2Gateway(t, `http://127.0.0.1:${upstream}`)
  const client = connect(port, '127.0.0.1')
  t.teardown(() => client.destroy())
  const frames = new Frames(client, 0)
  client.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0)]))
  const streams = Array.from({ length: STREAMS }, (_, nth) => 2 * nth + 1)
  const open = new Set(upload.leaves ? [] : streams)
  const begun: Promise<void>[] = []
  for (const [nth, stream] of streams.entries()) {
    client.write(Buffer.concat([frame(HEADERS, END_HEADERS, stream, requestFields('POST', '/api/x')), frame(DATA, 0, stream, PIECE)]))
    begun.push(upload.run(client, stream, nth))
    if (nth % 5 === 0) await turns(1)
  }
  await Promise.all(begun)
  const end = performance.now() + MOMENTS
  while (performance.now() < end && (open.size > 0 || openExchanges(lines, STREAMS))) {
    for (const { type, flags, stream } of frames.all) {
      if (type === RST_STREAM || ((flags & END_STREAM) !== 0 && (type === DATA || type === HEADERS))) open.delete(stream)
    }
    await wait(5)
  }
  t.strictSame([...open], [], 'each stream has ended')
  t.equal(lines.filter(({ outcome }) => outcome !== undefined).length, STREAMS, 'each exchange has ended')
  const last = 2 * STREAMS + 1
  client.write(frame(HEADERS, END_HEADERS | END_STREAM, last, requestFields('GET', '/nowhere')))
  await frames.until(({ stream, flags }) => stream === last && (flags & END_STREAM) !== 0)
  while (performance.now() < end && sockets.some(isOpen)) await wait(5)
  t.notOk(sockets.some(isOpen), 'and so has each connection to the service')
}

function isOpen ({ destroyed, readableEnded }: Socket): boolean {
  return !destroyed && !readableEnded
}

function openExchanges (lines: readonly { outcome?: unknown }[], count: number): boolean {
  return lines.filter(({ outcome }) => outcome !== undefined).length < count
}

async function turns (count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

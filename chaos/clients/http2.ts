import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { setTimeout as pass } from 'node:timers/promises'
import type { Seen } from '../observations.js'
import type { Plan } from '../plan.js'
import { outsideReads, whenEnded } from '../streams.js'
import { fieldsOf, rest, upload } from './client.js'
import type { Client } from './client.js'
import { Recorder } from './recorder.js'

/** How many sessions are open at a time, and how many requests each carries. */
const SESSIONS = 3
const REQUESTS = 60

/** Streams of a few sessions over TLS. */
export class Http2Client implements Client {
  readonly #sessions: { session: ClientHttp2Session, count: number }[] = []
  #next = 0

  constructor (readonly port: number, readonly ca: string) {}

  async run (plan: Plan, [path = '']: readonly string[]): Promise<Seen[]> {
    const session = this.#session()
    const stream = session.request({ ':path': path, ':method': plan.method, ...fieldsOf(plan) }, { endStream: plan.upload === undefined })
    const recorder = new Recorder(plan, path, () => stream.destroy(new Error('hung')))
    const leave = (): void => {
      recorder.finish('left', plan.leaving?.how)
      leaveBy(stream, session, plan.leaving?.how)
    }
    stream.on('response', (headers: IncomingHttpHeaders & { ':status'?: number }) => recorder.head(headers[':status'] ?? 0, headers))
    stream.on('error', (error: NodeJS.ErrnoException) => recorder.note(error.code ?? error.message))
    stream.on('data', (chunk: Buffer) => {
      recorder.data(chunk)
      if (plan.leaving?.when === 'response') leave()
      else if (plan.isSlow) rest(stream)
    })
    whenEnded(stream, isWhole => {
      recorder.finish(isWhole && recorder.status !== undefined ? 'whole' : 'broken', `code ${stream.rstCode}`)
      // The rest of the body is nobody's.
      if (!stream.writableEnded) outsideReads(() => stream.destroy())
    })
    if (plan.leaving?.when === 'at once') {
      await pass(plan.number % 20)
      leave()
    } else {
      await upload(plan, stream, recorder, leave)
    }
    return [await recorder.seen]
  }

  #session (): ClientHttp2Session {
    const nth = this.#next++ % SESSIONS
    const current = this.#sessions[nth]
    if (current !== undefined && current.count++ < REQUESTS && !current.session.closed && !current.session.destroyed) return current.session
    current?.session.close()
    const session = connect(`https://127.0.0.1:${this.port}`, { ca: this.ca, servername: 'localhost' })
    session.on('error', () => {})
    this.#sessions[nth] = { session, count: 0 }
    return session
  }

  close (): void {
    for (const { session } of this.#sessions) session.destroy()
  }
}

/** Never by `close`, which ends the stream before it resets it: then the body would have been whole. */
function leaveBy (stream: ClientHttp2Stream, session: ClientHttp2Session, how: 'reset' | 'end' | 'cancel' | undefined): void {
  outsideReads(() => {
    if (how === 'reset') session.destroy(new Error('left'), constants.NGHTTP2_NO_ERROR)
    else stream.destroy(new Error('left'))
  })
}

import type { Readable, Writable } from 'node:stream'
import { setTimeout as pass } from 'node:timers/promises'
import { bodyOf, sumOf } from '../bodies.js'
import { piecesOf } from '../faults.js'
import type { Seen } from '../observations.js'
import type { Plan } from '../plan.js'
import type { Recorder } from './recorder.js'

/** Runs plans of one kind. */
export interface Client {
  /** @param path of the request, or of each of several */
  run (plan: Plan, paths: readonly string[]): Promise<Seen[]>
  /** Closes what is kept. */
  close (): void
}

/** What a request says of itself. */
export function fieldsOf ({ number, upload, wantsEvents }: Plan): Record<string, string> {
  return {
    'x-id': String(number),
    ...(wantsEvents && { accept: 'text/event-stream' }),
    ...(upload !== undefined && { 'x-length': String(upload.length), 'x-sum': sumOf(bodyOf(number, 'request', upload.length)) }),
    ...(upload?.framing === 'length' && { 'content-length': String(upload.length) })
  }
}

/** Writes the plan's body, or a part of it where the client then leaves. */
export async function upload ({ number, upload, leaving }: Plan, stream: Writable, recorder: Recorder, leave: () => void): Promise<void> {
  if (upload === undefined) return
  const pieces = piecesOf(bodyOf(number, 'request', upload.length), upload.pieces)
  // An upload that is all there is left before its end is told, which is a part as well.
  const count = leaving?.when === 'upload' ? Math.floor(pieces.length / 2) : pieces.length
  for (const piece of pieces.slice(0, count)) {
    if (!stream.writable || recorder.isOver) return
    await written(stream, piece)
    recorder.moved()
    if (upload.pause > 0) await pass(upload.pause)
  }
  if (!stream.writable || recorder.isOver) return
  if (leaving?.when === 'upload') {
    await pass(upload.pause)
    leave()
  } else {
    stream.end(() => recorder.moved())
  }
}

/** As a reader that is slower than what comes. */
export function rest (stream: Readable): void {
  stream.pause()
  setTimeout(() => stream.resume(), 20)
}

async function written (stream: Writable, bytes: Buffer): Promise<void> {
  await new Promise<void>(resolve => {
    stream.once('close', resolve)
    stream.write(bytes, () => {
      stream.off('close', resolve)
      resolve()
    })
  })
}

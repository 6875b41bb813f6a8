import type { Readable } from 'node:stream'
import type { BodyReceiver } from '../node/parsed-body.js'

const kReceiver = Symbol('receiver')

type Read = Readable & { [kReceiver]?: BodyReceiver }

/** Gives a body to `receiver` by the events of its stream. */
export function readStream (stream: Read, receiver: BodyReceiver): void {
  stream[kReceiver] = receiver
  stream.on('data', onData)
  stream.on('end', onEnd)
}

/** Leaves the rest of it to others. */
export function stopReading (stream: Read): void {
  stream.off('data', onData)
  stream.off('end', onEnd)
}

function onData (this: Read, chunk: Buffer): void {
  if (this[kReceiver]?.write(chunk) === false) this.pause()
}

function onEnd (this: Read): void {
  this[kReceiver]?.end()
}

import type { Readable } from 'node:stream'

export interface Pace {
  /** Bytes per second. */
  rate: number
  /** Milliseconds in which nothing is read, so that every buffer on the way fills up. */
  delay: number
}

/** Milliseconds. */
const INTERVAL = 50

/** @param take is given each chunk, and returns how many bytes have come in all */
export function readSlowly (stream: Readable, { rate, delay }: Pace, take: (chunk: Buffer) => number): void {
  const start = performance.now() + delay
  let received = 0
  stream.pause()
  stream.on('data', (chunk: Buffer) => {
    received = take(chunk)
    if (received >= allowed()) stream.pause()
  })
  const timer = setInterval(() => { if (received < allowed()) stream.resume() }, INTERVAL)
  stream.on('close', () => clearInterval(timer))

  function allowed (): number {
    return (performance.now() - start) * rate / 1000
  }
}

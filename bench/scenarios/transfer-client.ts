import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { childOptions, endWithParent, send } from '../child.js'
import { ORIGIN } from '../contenders/policy.js'
import { readSlowly } from '../pace.js'

export type Direction = 'uploads' | 'downloads'

/** Given to the process of the clients. */
export interface TransferOrder {
  direction: Direction
  port: number
  transfers: number
  /** Of each. */
  bytes: number
  /** Bytes per second of each reader, */
  rate: number
  /** after so many milliseconds without reading. */
  delay: number
  /** After which all are broken off. */
  seconds: number
}

export interface TransferReport {
  seconds: number
  /** Bytes of all bodies together. */
  moved: number
  errors: string[]
}

/** One of the transfers. */
interface Transfer {
  socket: Socket
  moved: () => number
  /** The answer, or as much of it as says how it went. */
  answer: () => string
}

const CHUNK = Buffer.alloc(128 * 1024, 'u')
/** Milliseconds without a byte in either direction. */
const PATIENCE = 20_000

const { direction, port, transfers, bytes, rate, delay, seconds: limit } = childOptions<TransferOrder>()
const fields = `Host: 127.0.0.1:${port}\r\nOrigin: ${ORIGIN}\r\n`

endWithParent()
const start = performance.now()
const all = Array.from({ length: transfers }, direction === 'uploads' ? upload : download)
const brokenOff = await Promise.race([Promise.all(all.map(settled)).then(() => false), setTimeout(limit * 1000, true, { ref: false })])
const failed = all.filter(({ socket, answer, moved }) => brokenOff ? socket.destroyed : moved() < bytes || !answer().startsWith('HTTP/1.1 200 '))
const firstLine = failed[0]?.answer().split('\r\n', 1)[0] || 'no answer'
// Still open: what the gateway holds is read before they are closed.
send({
  seconds: (performance.now() - start) / 1000,
  moved: all.reduce((sum, { moved }) => sum + moved(), 0),
  errors: failed.length === 0 ? [] : [`${failed.length} ${direction} failed, one of them: ${firstLine}`]
} satisfies TransferReport)

async function settled ({ socket }: Transfer): Promise<void> {
  if (!socket.destroyed) await new Promise(resolve => socket.once('close', resolve))
}

function open (head: string): Socket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.setTimeout(PATIENCE, () => socket.destroy())
  socket.on('error', () => {})
  socket.write(head)
  return socket
}

/** Writes as fast as it is let; the service reads slowly. Its answer tells that all bytes arrived. */
function upload (): Transfer {
  const socket = open(`POST /api/upload?rate=${rate}&delay=${delay} HTTP/1.1\r\n${fields}` +
    `Content-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`)
  let answer = ''
  let left = bytes
  socket.on('data', text => {
    answer += text.toString('latin1')
    if (answer.includes(`{"received":${bytes}}`)) socket.destroy()
  })
  socket.on('drain', write)
  write()
  return { socket, answer: () => answer, moved: () => bytes - left - socket.writableLength }

  function write (): void {
    while (left > 0) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK
      left -= chunk.length
      if (!socket.write(chunk)) return
    }
  }
}

/** Reads slowly; the service writes as fast as it is let. */
function download (): Transfer {
  const socket = open(`GET /api/download?bytes=${bytes} HTTP/1.1\r\n${fields}\r\n`)
  let head = ''
  let headEnded = false
  let moved = 0
  readSlowly(socket, { rate, delay }, chunk => {
    moved += headEnded ? chunk.length : behindHead(chunk)
    if (moved >= bytes) socket.destroy()
    return moved
  })
  return { socket, answer: () => head, moved: () => moved }

  function behindHead (chunk: Buffer): number {
    head += chunk.toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return 0
    headEnded = true
    const body = head.length - end - 4
    head = head.slice(0, end)
    return body
  }
}

import { connect } from 'node:net'
import { childOptions, endWithParent, send } from '../child.js'
import { ORIGIN } from '../contenders/policy.js'

/** Given to the process of the uploading clients. */
export interface UploadOrder {
  port: number
  uploads: number
  /** Of each. */
  bytes: number
  path: string
}

export interface UploadReport {
  seconds: number
  errors: string[]
}

const CHUNK = Buffer.alloc(128 * 1024, 'u')
/** Milliseconds without a byte in either direction. */
const PATIENCE = 20_000

const { port, uploads, bytes, path } = childOptions<UploadOrder>()

endWithParent()
const start = performance.now()
const answers = await Promise.all(Array.from({ length: uploads }, upload))
const seconds = (performance.now() - start) / 1000
const failed = answers.filter(answer => !isComplete(answer))
const firstLine = failed[0]?.split('\r\n', 1)[0] || 'no answer'
send({ seconds, errors: failed.length === 0 ? [] : [`${failed.length} uploads failed, one of them: ${firstLine}`] } satisfies UploadReport)

/** Writes as fast as it is let, over one connection; resolves with the answer, or with what went wrong in its place. */
async function upload (): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let answer = ''
  let left = bytes
  socket.setTimeout(PATIENCE, () => socket.destroy(new Error('timeout')))
  socket.setEncoding('latin1')
  socket.on('drain', write)
  socket.write(head())
  write()
  return await new Promise(resolve => {
    socket.on('data', (text: string) => {
      answer += text
      if (isComplete(answer)) socket.destroy()
    })
    socket.on('error', error => resolve(answer || error.message))
    socket.on('close', () => resolve(answer))
  })

  function write (): void {
    while (left > 0) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK
      left -= chunk.length
      if (!socket.write(chunk)) return
    }
  }
}

function head (): string {
  return `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: ${ORIGIN}\r\n` +
    `Content-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`
}

/** The service counts the bytes, so its answer tells whether all of them arrived. */
function isComplete (answer: string): boolean {
  return answer.startsWith('HTTP/1.1 200 ') && answer.includes(`{"received":${bytes}}`)
}

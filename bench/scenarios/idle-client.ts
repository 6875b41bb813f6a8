import { connect } from 'node:net'
import { childOptions, endWithParent, send } from '../child.js'
import { ORIGIN } from '../contenders/policy.js'

/** Given to the process of the idle clients. */
export interface IdleOrder {
  port: number
  connections: number
}

export interface IdleReport {
  /** Connections that are open now. */
  open: number
  errors: string[]
}

/** Connections that are being made at once: fewer than any server lets wait. */
const AT_ONCE = 100

const { port, connections } = childOptions<IdleOrder>()
const request = `GET /api/small HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: ${ORIGIN}\r\n\r\n`
let started = 0
let open = 0
let failed = 0

endWithParent()
process.on('message', report)
await Promise.all(Array.from({ length: AT_ONCE }, openInTurn))
report()

function report (): void {
  send({ open, errors: failed === 0 ? [] : [`${failed} connections failed`] } satisfies IdleReport)
}

async function openInTurn (): Promise<void> {
  while (started < connections) {
    started++
    if (!await ask()) failed++
  }
}

/** Resolves with whether the answer came; the connection stays open. */
async function ask (): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.write(request)
  return await new Promise(resolve => {
    socket.once('connect', () => { open++ })
    socket.once('data', answer => resolve(answer.toString('latin1').startsWith('HTTP/1.1 200 ')))
    socket.on('error', () => {})
    socket.on('close', () => {
      open--
      resolve(false)
    })
  })
}

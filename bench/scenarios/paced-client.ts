import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { childOptions, endWithParent, send } from '../child.js'
import type { Shot } from '../loads/load.js'

/** Given to the process of the clients that keep to a rate. */
export interface PacedOrder {
  port: number
  /** Requests per second, of all connections together. */
  rate: number
  seconds: number
  connections: number
  shot: Shot
}

export interface PacedReport {
  requests: number
  seconds: number
  /** Milliseconds. */
  p50: number
  p99: number
  errors: string[]
}

/** Milliseconds between two looks at what is due. */
const TICK = 1
/** Milliseconds that the last answers may take. */
const PATIENCE = 2_000

const { port, rate, seconds, connections, shot } = childOptions<PacedOrder>()
const head = Object.entries(shot.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
const request = `${shot.method} ${shot.path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${head}\r\n`

endWithParent()
const all = await Promise.all(Array.from({ length: connections }, open))
const free = [...all]
/** When each request was due that waits for a client to be free. */
const due: number[] = []
const latencies: number[] = []
let failed = 0

const start = performance.now()
let asked = 0
const ticking = setInterval(tick, TICK)
await setTimeout(seconds * 1000)
clearInterval(ticking)
const deadline = performance.now() + PATIENCE
while (free.length < connections && performance.now() < deadline) await setTimeout(10)

const elapsed = (performance.now() - start) / 1000
const answered = latencies.length
// What was never answered has waited all the same: a contender that cannot keep the rate must not look fast.
const unanswered = [...due, ...all.filter(client => !free.includes(client)).map(client => client.due)]
latencies.push(...unanswered.map(due => performance.now() - due))
latencies.sort((a, b) => a - b)
send({
  requests: answered,
  seconds: elapsed,
  p50: percentile(0.5),
  p99: percentile(0.99),
  errors: failed > 0 ? [`${failed} answers that are not the service's, or none because the connection was lost`] : []
} satisfies PacedReport)

interface Client {
  socket: Socket
  due: number
  answer: string
}

function tick (): void {
  const now = performance.now()
  const owed = Math.floor((now - start) / 1000 * rate)
  for (; asked < owed; asked++) due.push(now)
  serve()
}

function serve (): void {
  while (due.length > 0) {
    const client = free.pop()
    if (client === undefined) return
    client.due = due.shift() ?? NaN
    client.socket.write(request)
  }
}

async function open (): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  socket.setEncoding('latin1')
  const client: Client = { socket, due: 0, answer: '' }
  socket.on('data', (text: string) => {
    client.answer += text
    if (!isWhole(client.answer)) return
    if (client.answer.startsWith('HTTP/1.1 200 ')) latencies.push(performance.now() - client.due)
    else failed++
    client.answer = ''
    free.unshift(client)
    serve()
  })
  socket.on('error', () => {})
  socket.on('close', () => { failed++ })
  return client
}

/** All contenders answer with the service's Content-Length. */
function isWhole (answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n')
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(answer)?.[1])
  return end >= 0 && answer.length >= end + 4 + length
}

function percentile (share: number): number {
  return latencies[Math.floor(latencies.length * share)] ?? NaN
}

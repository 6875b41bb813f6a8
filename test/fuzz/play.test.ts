import { Socket } from 'node:net'
import t from 'tap'
import { readRequests } from '../../fuzz/grammar.js'
import { play } from '../../fuzz/responses.js'
import { Service, ServiceConnection } from '../../fuzz/service.js'
import type { Received } from '../../fuzz/service.js'

const TEXT = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody'
const PLAN = { text: TEXT, pieces: [TEXT.slice(0, 20), TEXT.slice(20)], isGood: true }

/** A connection on which a request was read, and what is written to it. */
function asked (written: string[]): Received {
  const socket = Object.assign(new Socket(), {
    write: (text: string): boolean => written.push(text) > 0,
    resetAndDestroy: () => written.push('reset')
  })
  Object.defineProperty(socket, 'writable', { value: true })
  const [message] = readRequests('GET / HTTP/1.1\r\nHost: x\r\n\r\n').requests
  if (message === undefined) throw new TypeError('no request')
  const connection = new ServiceConnection(socket, new Service())
  const received: Received = { message, connection, taint: 'none', sent: '', ended: false, tunnel: '' }
  connection.latest = received
  return received
}

t.test('the rest of a response is kept back when the next request has come, and so is its reset', async t => {
  const written: string[] = []
  const received = asked(written)
  const played = play(received, { ...PLAN, then: 'stay' }, 'GET')
  received.connection.latest = undefined
  await played
  t.strictSame(written, PLAN.pieces.slice(0, 1))

  written.length = 0
  const other = asked(written)
  const playedWhole = play(other, { ...PLAN, pieces: [TEXT], then: 'reset' }, 'GET')
  await new Promise(resolve => setImmediate(() => setImmediate(resolve)))
  other.connection.latest = undefined
  await playedWhole
  t.strictSame(written, [TEXT])
})

t.test('otherwise all of it goes, and the reset behind it', async t => {
  const written: string[] = []
  await play(asked(written), { ...PLAN, then: 'reset' }, 'GET')
  t.strictSame(written, [...PLAN.pieces, 'reset'])
})

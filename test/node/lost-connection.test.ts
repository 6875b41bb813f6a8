import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { readBeforeFailing, wasReset } from '../../src/node/lost-connection.js'
import { gone, rawService } from '../fixtures/peers.js'

/** A connection that is destroyed only when all is read, and its other end. */
async function connected (t: Test): Promise<{ near: Socket, far: Socket }> {
  const accepted = new Promise<Socket>((resolve, reject) => {
    rawService(t, resolve).then(({ port }) => {
      const near = connect(port, '127.0.0.1')
      t.teardown(() => { near.destroy() })
      near.on('error', () => {})
      readBeforeFailing(near)
      nearby = near
    }, reject)
  })
  let nearby: Socket | undefined
  const far = await accepted
  if (nearby === undefined) throw new TypeError('not connected')
  if (nearby.connecting) await once(nearby, 'connect')
  return { near: nearby, far }
}

function failedWrite (code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'write' })
}

async function turns (count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

for (const code of ['EPIPE', 'ECONNRESET']) {
  t.test(`a connection on which a write fails (${code}) is read to its end first, also where that waits for its reader`, async t => {
    const { near, far } = await connected(t)
    let read = ''
    near.on('data', chunk => { read += String(chunk) })
    near.pause()
    far.write('said')
    near.destroy(failedWrite(code))
    near.destroy(failedWrite(code))
    await turns(20)
    t.notOk(near.destroyed, 'its reader is not there yet')
    near.resume()
    await gone(near)
    t.equal(read, 'said')
  })
}

t.test('for whatever else it is destroyed at once', async t => {
  for (const error of [undefined, new Error('read'), failedWrite('ETIMEDOUT'), Object.assign(new Error(), { syscall: 'read', code: 'ECONNRESET' })]) {
    const { near } = await connected(t)
    t.ok(near.destroy(error).destroyed, String(error))
  }
})

t.test('a connection that was closed in order was not reset', async t => {
  const { near, far } = await connected(t)
  near.resume()
  far.end()
  await once(near, 'end')
  t.notOk(wasReset(near))
})

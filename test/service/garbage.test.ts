import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import t from 'tap'
import { call } from '../fixtures/gateway.js'
import { gone } from '../fixtures/peers.js'
import { ServiceProcess } from '../fixtures/process.js'

t.test('10,000 connections of garbage leave descriptors and memory where they were', { skip: !existsSync('/proc/self/fd') }, async t => {
  // So that the heap's nursery, which grows under load and stays grown, is not taken for a leak.
  const env = { NODE_OPTIONS: '--max-semi-space-size=2' }
  const gateway = new ServiceProcess(t, { routes: [{ prefix: '/api', target: 'http://127.0.0.1:1' }] }, env)
  const port = await gateway.listening()
  const descriptors = (): number => readdirSync(`/proc/${gateway.child.pid}/fd`).length
  const memory = (): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8'))?.[1]) / 1024

  const before = descriptors()
  // What is allocated once, whatever comes.
  await throwGarbage(port, 2_000)
  const warm = memory()
  await throwGarbage(port, 8_000)
  while (descriptors() > before) await new Promise(resolve => setTimeout(resolve, 20))
  const grown = memory() - warm
  t.ok(grown < 48, `${grown} MiB more`)
  t.equal((await call(port, '/nope')).status, 404)
})

const GARBAGE = [
  'NONSENSE\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  '\x00\x01\x02\x03\xff\xfe'.repeat(20),
  'POST /api HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'
]

/** In batches. A response is read to its end; every second one goes away in the midst of its request. */
async function throwGarbage (port: number, count: number): Promise<void> {
  for (let begun = 0; begun < count; begun += 200) {
    await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.on('error', () => {})
      socket.resume()
      if (i % 2 === 0) socket.write(Buffer.from(GARBAGE[i / 2 % GARBAGE.length] ?? '', 'latin1'))
      else socket.write('GET / HTTP/1.1\r\nHost: ', () => socket.resetAndDestroy())
      await gone(socket)
    }))
  }
}

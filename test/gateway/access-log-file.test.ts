import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { ConfigError } from '../../src/config/index.js'
import { appendingSink } from '../../src/observe/log-file.js'
import { rotatedSink } from '../../src/observe/rotated-file.js'
import { accessLinesOf } from '../../src/server/access-lines.js'
import streamGateway from '../../src/index.js'
import type { GatewayOptions } from '../../src/index.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import type { LogLine } from '../fixtures/gateway.js'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { RawClient, service } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { until } from '../fixtures/until.js'
import { echo, message, openWebSocket, webSocketService } from '../fixtures/websockets.js'

type AccessLog = Exclude<GatewayOptions['accessLog'], undefined>

function fileIn (t: Test): string {
  return join(t.testdir(), 'access.log')
}

function textOf (file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

function linesOf (file: string): LogLine[] {
  return textOf(file).trimEnd().split('\n').filter(line => line !== '').map(line => JSON.parse(line))
}

async function gatewayWith (t: Test, accessLog: AccessLog, more = {}) {
  const { port } = await service(t, (request, response) => response.writeHead(request.url?.startsWith('/500') === true ? 500 : 200).end('hello'))
  return await gatewayTo(t, port, more, { accessLog })
}

t.test('lines in a file, whatever speaks and whoever rejects, and none of them in the log', async t => {
  const file = fileIn(t)
  const { port } = await webSocketService(t, echo)
  const gateway = await gatewayTo(t, port, {}, { accessLog: { file, slow: '1ms' } })
  const socket = await openWebSocket(t, gateway.port, '/api/ws?access_token=confidential')
  socket.send('x')
  await message(socket)
  socket.close()
  const over2 = await http2Gateway(t, `http://127.0.0.1:${port}`, {}, { options: { accessLog: { file } } })
  await new Http2Client(t, over2.port).ask({ ':path': '/api/two?token=confidential' }).closed
  await call(gateway.port, '/api/../x?token=confidential')
  await until(() => linesOf(file).length === 3)
  const lines = linesOf(file).sort((a, b) => String(a.url).localeCompare(String(b.url)))
  t.match(lines, [
    { ip: '127.0.0.1', url: '/api/../x?token=[redacted]', status: 400, outcome: 'rejected' },
    { ip: '127.0.0.1', url: '/api/two?token=[redacted]' },
    { level: 30, ip: '127.0.0.1', url: '/api/ws?access_token=[redacted]', status: 101, outcome: 'completed' }
  ])
  t.strictSame([...gateway.lines, ...over2.lines].filter(({ outcome }) => outcome !== undefined), [])
  t.equal(statSync(file).mode & 0o777, 0o640)
})

t.test('the service writes there as well what it rejects before a route', async t => {
  const file = fileIn(t)
  const { port, lines } = await startService(t, { accessLog: { file, format: ['ip', 'status', 'outcome'] } })
  const client = new RawClient(t, port)
  client.send('GET / HTTP/1.1\r\nBad Name: 1\r\n\r\n')
  await client.closed
  await call(port, '/nowhere')
  await until(() => linesOf(file).length === 2)
  t.strictSame(linesOf(file), [{ ip: '127.0.0.1', status: 400, outcome: 'rejected' }, { ip: '127.0.0.1', status: 404, outcome: 'rejected' }])
  t.strictSame(lines.filter(({ outcome }) => outcome !== undefined), [])
})

t.test('httpd\'s formats', async t => {
  for (const [format, end] of [['common', ''], ['combined', ' "http://a/?code=[redacted]" "b"']] as const) {
    const file = join(t.testdir(), format)
    const { port } = await gatewayWith(t, { file, format })
    await call(port, '/api/x?sig=1', { headers: { referer: 'http://a/?code=1', 'user-agent': 'b' } })
    await until(() => textOf(file) !== '')
    t.match(textOf(file).replace(/\[\d.*? \+0000\]/, '[time]'), `127.0.0.1 - - [time] "GET /api/x?sig=[redacted] HTTP/1.1" 200 5${end}\n`)
  }
})

t.test('of successes none, of failures all, and slow ones as warnings', async t => {
  const { port, lines } = await gatewayWith(t, { sample: 0 })
  for (const path of ['/api/x', '/api/500', '/api/../x']) await call(port, path)
  t.match(lines.filter(({ outcome }) => outcome !== undefined), [{ level: 40, status: 500, outcome: 'completed' }, { level: 40, status: 400 }])
  t.equal(lines.filter(({ outcome }) => outcome !== undefined).length, 2)
  const { port: late } = await service(t, (_request, response) => { setTimeout(() => response.end(), 5) })
  const slow = await gatewayTo(t, late, {}, { accessLog: { sample: 0, slow: 1 } })
  const line = slow.nextLine()
  await call(slow.port, '/api/x')
  t.match(await line, { level: 40, status: 200, outcome: 'completed' })
})

t.test('SIGUSR1 opens the file again; where it cannot be, lines go on to where they went', async t => {
  const file = fileIn(t)
  const { port, app, lines } = await gatewayWith(t, { file })
  await call(port, '/api/1')
  await until(() => linesOf(file).length === 1)
  renameSync(file, `${file}.1`)
  await call(port, '/api/2')
  await until(() => linesOf(`${file}.1`).length === 2)
  process.kill(process.pid, 'SIGUSR1')
  await until(() => existsSync(file))
  await call(port, '/api/3')
  await until(() => linesOf(file).length === 1)
  t.match([...linesOf(`${file}.1`), ...linesOf(file)].map(({ url }) => url), ['/api/1', '/api/2', '/api/3'])

  renameSync(file, `${file}.2`)
  mkdirSync(file)
  process.kill(process.pid, 'SIGUSR1')
  await until(() => lines.some(({ msg }) => /could not be opened again/.test(msg)))
  await call(port, '/api/4')
  await app.close()
  t.match(linesOf(`${file}.2`), [{ url: '/api/3' }, { url: '/api/4' }], 'and what is left is written when it closes')
  t.equal(process.listenerCount('SIGUSR1'), 0)
})

t.test('what is being written while it is opened again is written once', async t => {
  const file = fileIn(t)
  const { port, app } = await gatewayWith(t, { file })
  const done = Promise.all(Array.from({ length: 200 }, async (_, nth) => await call(port, `/api/${nth}`)))
  for (let nth = 1; nth <= 20; nth++) {
    await until(() => existsSync(file))
    renameSync(file, `${file}.${nth}`)
    process.emit('SIGUSR1', 'SIGUSR1')
  }
  await done
  await app.close()
  const all = [file, ...Array.from({ length: 20 }, (_, nth) => `${file}.${nth + 1}`)].flatMap(linesOf)
  t.equal(new Set(all.map(({ url }) => url)).size, 200)
  t.equal(all.length, 200)
})

t.test('by size: files are put aside, some are kept, no line is lost, also with two that write', async t => {
  const file = fileIn(t)
  const accessLog = { file, maxSize: '64kb', maxFiles: 50 }
  const gateways = [await gatewayWith(t, accessLog), await gatewayWith(t, accessLog)]
  const path = 'x'.repeat(8000)
  for (let nth = 0; nth < 100; nth += 10) {
    await Promise.all(Array.from({ length: 10 }, async (_, more) => await call(gateways[more % 2]?.port ?? 0, `/api/${nth + more}?${path}`)))
    await until(() => allOf(file).length >= nth)
  }
  for (const { app } of gateways) await app.close()
  t.equal(allOf(file).length, 100)
  t.equal(new Set(allOf(file).map(({ url }) => url)).size, 100)
  t.ok(asideOf(file).length >= 4)
  for (const aside of asideOf(file)) t.ok(statSync(aside).size < 150_000)
})

t.test('of the files that were put aside the oldest go; SIGUSR1 is for them, too', async t => {
  const file = fileIn(t)
  const { port, app } = await gatewayWith(t, { file, maxSize: '64kb', maxFiles: 2 })
  for (let nth = 0; nth < 60; nth++) await call(port, `/api/${nth}?${'x'.repeat(8000)}`)
  await until(() => asideOf(file).length === 2)
  process.emit('SIGUSR1', 'SIGUSR1')
  await call(port, '/api/last')
  await app.close()
  t.match(linesOf(file).slice(-1), [{ url: '/api/last' }])
  t.ok(linesOf(asideOf(file)[0] ?? '').every(({ url }) => Number(url?.slice(5).split('?')[0]) > 10), 'the oldest are gone')
})

function asideOf (file: string): string[] {
  return readdirSync(dirname(file)).filter(name => name !== 'access.log').sort().map(name => join(dirname(file), name))
}

function allOf (file: string): LogLine[] {
  return [file, ...asideOf(file)].flatMap(linesOf)
}

t.test('a process that ends with its app open writes what it has, and once', async t => {
  const [ended, gone] = [fileIn(t), join(t.testdir(), 'gone', 'access.log')]
  for (const more of [{}, { maxSize: 64_000 }]) {
    const others = process.listeners('exit')
    const app = Fastify()
    const lines = await accessLinesOf(app, { ...CHOSEN, file: ended, ...more }, false)
    const [end] = process.listeners('exit').filter(listener => !others.includes(listener))
    if (lines === undefined || end === undefined) throw new Error('nobody listens for the end')
    lines.write({ reqId: '1', status: 200, outcome: 'completed' }, false)
    end(0)
    t.match(linesOf(ended), [{ reqId: '1' }])
    await app.close()
    t.equal(linesOf(ended).length, 1)
    t.strictSame(process.listeners('exit'), others)
    rmSync(ended)
  }
  const neverOpened = (): Writable => { throw new Error('it ends') }
  t.doesNotThrow(() => rotatedSink({ path: gone, maxSize: 1, maxFiles: 1, open: neverOpened }).writeNow(Buffer.from('x')), 'where it cannot, it ends as well')
})

t.test('a file is let go of when what was being written to it is there', { skip: existsSync('/proc/self/fd') ? false : 'there is no /proc' }, async t => {
  const file = fileIn(t)
  const sink = appendingSink(file)
  const written = new Promise(resolve => sink.write(Buffer.from('one\n'), resolve))
  renameSync(file, `${file}.1`)
  sink.reopen()
  t.ok(isOpen(`${file}.1`))
  t.equal(await written, undefined)
  await until(() => !isOpen(`${file}.1`))
  await new Promise(resolve => sink.write(Buffer.from('two\n'), resolve))
  sink.close()
  t.strictSame([textOf(`${file}.1`), textOf(file)], ['one\n', 'two\n'])
})

function isOpen (file: string): boolean {
  return readdirSync('/proc/self/fd').some(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file
    } catch {
      // That of the folder itself.
      return false
    }
  })
}

t.test('a full disk is no request\'s matter', async t => {
  const told: string[] = []
  const { error } = console
  console.error = (text: string) => { told.push(text) }
  t.teardown(() => { console.error = error })
  const { port, app } = await gatewayWith(t, { file: '/dev/full' })
  for (let nth = 0; nth < 20; nth++) t.equal((await call(port, `/api/${'x'.repeat(8_000)}`)).status, 200)
  await until(() => told.length > 0)
  process.emit('SIGUSR1', 'SIGUSR1')
  await app.close()
  t.match(told, [/ENOSPC/])
  t.equal(told.length, 1)
})

t.test('a folder that is gone while files are rotated: lines wait, and are written when it is back', async t => {
  const folder = join(t.testdir(), 'logs')
  mkdirSync(folder)
  const file = join(folder, 'access.log')
  const { error } = console
  console.error = () => {}
  t.teardown(() => { console.error = error })
  const { port } = await gatewayWith(t, { file, maxSize: '1mb' })
  rmSync(folder, { recursive: true })
  execFileSync('touch', [folder])
  t.equal((await call(port, '/api/x')).status, 200)
  await new Promise(resolve => setTimeout(resolve, 300))
  rmSync(folder)
  mkdirSync(folder)
  await until(() => linesOf(file).length === 1)
})

t.test('mistakes: a file that cannot be opened, a package that is missing', async t => {
  const folder = t.testdir()
  for (const file of [folder, join(folder, 'nowhere', 'access.log')]) {
    const app = Fastify()
    await t.rejects(async () => await app.register(streamGateway, { routes: [{ prefix: '/', target: 'http://a' }], accessLog: { file } }), /server\.accessLog\.file: cannot be opened: E(ISDIR|NOENT)/)
    await app.close()
  }
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  chmodSync(pipe, 0o600)
  const app = Fastify()
  await t.rejects(accessLinesOf(app, { ...CHOSEN, file: pipe }, false), /cannot be opened: ENXIO/, 'nobody reads it')
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
  const file = join(folder, 'access.log')
  await t.rejects(accessLinesOf(app, { ...CHOSEN, file, maxSize: 1 }, false, async () => await Promise.reject(missing)), new ConfigError('the access log', [{
    path: 'server.accessLog.maxSize', message: 'needs a package that is not installed: npm install rotating-file-stream'
  }]))
  const other = new Error('broken')
  await t.rejects(accessLinesOf(app, { ...CHOSEN, file, maxSize: 1 }, false, async () => await Promise.reject(other)), other)
})

const CHOSEN = { format: 'json' as const, sample: 1, maxFiles: 1 }

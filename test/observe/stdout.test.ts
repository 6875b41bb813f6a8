import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer, connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import t from 'tap'
import { portOf } from '../fixtures/peers.js'
import { fileSink, stdoutSink, streamSink } from '../../src/observe/stdout.js'
import type { Sink, SinkFailure } from '../../src/observe/log-output.js'

async function written (sink: Sink, text: string): Promise<SinkFailure | undefined> {
  return await new Promise(resolve => sink.write(Buffer.from(text), resolve))
}

t.test('a file gets all that is written', async t => {
  const path = join(t.testdir(), 'out')
  const fd = fs.openSync(path, 'w')
  const sink = stdoutSink(fd)
  t.equal(await written(sink, 'one\n'), undefined)
  sink.writeNow(Buffer.from('two\n'))
  fs.closeSync(fd)
  t.equal(fs.readFileSync(path, 'utf8'), 'one\ntwo\n')
  sink.writeNow(Buffer.from('nobody is told'))
  t.match(await written(sink, 'x'), { error: { code: 'EBADF' }, rest: Buffer.from('x') }, 'and what it does not get may be tried again')
})

t.test('a write that the system does in part goes on where it stopped', async t => {
  const parts: string[] = []
  const { fileSink: sinkOfFile } = await t.mockImport<typeof import('../../src/observe/stdout.js')>('../../src/observe/stdout.js', {
    'node:fs': {
      ...fs,
      write (_fd: number, bytes: Buffer, done: (error: Error | null, written: number) => void) {
        parts.push(String(bytes))
        setImmediate(done, null, Math.min(bytes.length, 3))
      }
    }
  })
  t.equal(await written(sinkOfFile(1), 'seven l'), undefined)
  t.strictSame(parts, ['seven l', 'en l', 'l'])
})

t.test('a pipe is written to without waiting for its reader', async t => {
  const path = join(t.testdir(), 'out')
  execFileSync('mkfifo', [path])
  const fd = fs.openSync(path, fs.constants.O_RDWR)
  const sink = stdoutSink(fd)
  t.equal(await written(sink, 'one\n'), undefined)
  sink.writeNow(Buffer.from('two\n'))
  const read = Buffer.alloc(8)
  fs.readSync(fd, read)
  t.equal(String(read), 'one\ntwo\n')
  fs.closeSync(fd)
})

t.test('what is no file and cannot be opened once more is written by Node\'s own stream', async t => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client: Socket & { _handle?: { fd?: number } } = connect(portOf(server), '127.0.0.1')
  await once(client, 'connect')
  const { listenerCount } = process.stdout
  const before = listenerCount.call(process.stdout, 'error')
  t.equal(stdoutSink(client._handle?.fd).chunkSize, 4096)
  t.equal(listenerCount.call(process.stdout, 'error'), before + 1)
  client.destroy()
  server.close()
})

t.test('a stream that fails tells it with the write, and nobody else', async t => {
  const sink = streamSink(new Writable({ write: (_chunk, _encoding, done) => done(new Error('gone')) }))
  const failure = await written(sink, 'x')
  t.match(failure, { error: { message: 'gone' } })
  t.equal(failure?.rest, undefined, 'there is nothing to be tried again')
})

t.test('a full device', { skip: !fs.existsSync('/dev/full') }, async t => {
  const fd = fs.openSync('/dev/full', 'w')
  t.match(await written(fileSink(fd), 'x'), { error: { code: 'ENOSPC' }, rest: Buffer.from('x') })
  fs.closeSync(fd)
})

import t from 'tap'
import { LogOutput } from '../../src/observe/log-output.js'
import type { Sink, SinkFailure } from '../../src/observe/log-output.js'

const FULL: NodeJS.ErrnoException = new Error('disk full')

/** A sink whose writes end when the test says so. */
class HeldSink implements Sink {
  readonly chunkSize = 20
  readonly written: string[] = []
  readonly last: string[] = []
  end: (failure?: SinkFailure) => void = () => {}
  #wake = (): void => {}

  write (chunk: Buffer, done: (failure?: SinkFailure) => void): void {
    this.written.push(String(chunk))
    this.end = done
    this.#wake()
  }

  writeNow (chunk: Buffer): void {
    this.last.push(String(chunk))
  }

  async until (count: number): Promise<void> {
    // The log keeps no process alive; a test has to.
    const alive = setInterval(() => {}, 1_000)
    while (this.written.length < count) await new Promise<void>(resolve => { this.#wake = resolve })
    clearInterval(alive)
  }
}

function outputTo (sink: Sink, maxWaiting = 60) {
  const warnings: string[] = []
  const output = new LogOutput(sink, { maxWaiting, lostLine: dropped => `lost ${dropped}\n`, warn: message => warnings.push(message) })
  return { output, warnings }
}

t.test('lines are written several at a time, whole, one write after another', async t => {
  const sink = new HeldSink()
  const { output, warnings } = outputTo(sink)
  output.write('one\n')
  output.write('two\n')
  await sink.until(1)
  t.strictSame(sink.written, ['one\ntwo\n'], 'after a moment')
  for (const line of ['12345678\n', 'abcdefgh\n', 'ABCDEFGH\n']) output.write(line)
  t.equal(sink.written.length, 1)
  sink.end()
  t.strictSame(sink.written.slice(1), ['12345678\nabcdefgh\n'], 'what fills a chunk goes at once')
  sink.end()
  t.equal(sink.written.length, 2, 'what does not waits for others')
  await sink.until(3)
  t.equal(sink.written[2], 'ABCDEFGH\n')
  t.strictSame(warnings, [])
})

t.test('what has no room is dropped and counted, and one line says so when there is room again', async t => {
  const sink = new HeldSink()
  const { output, warnings } = outputTo(sink)
  for (let i = 0; i < 10; i++) output.write(`12345678${i}\n`)
  t.match(warnings, [/nobody reads it/])
  t.equal(warnings.length, 1)
  sink.end()
  t.notMatch(sink.written.join(''), 'lost', 'not for each line that finds room')
  sink.end()
  sink.end()
  await sink.until(4)
  t.equal(sink.written.join(''), '123456780\n123456781\n123456782\n123456783\n123456784\n123456785\nlost 4\n')
  sink.end()
  output.write('next\n')
  await sink.until(5)
  t.equal(sink.written[4], 'next\n')
})

t.test('a write that failed is tried again with what was left of it, and nothing overtakes it', async t => {
  const sink = new HeldSink()
  const { output, warnings } = outputTo(sink)
  const drained = output.drain(10_000)
  output.write('a line of twenty  .\n')
  output.write('next\n')
  await sink.until(1)
  sink.end({ error: FULL, rest: Buffer.from('twenty  .\n') })
  output.write('last\n')
  await sink.until(2)
  sink.end({ error: FULL, rest: Buffer.from('  .\n') })
  await sink.until(3)
  sink.end()
  await drained
  await output.drain(0)
  t.strictSame(sink.written, ['a line of twenty  .\n', 'twenty  .\n', '  .\n', 'next\nlast\n'])
  t.strictSame(warnings, ['The log cannot be written (disk full). The service goes on; lines wait for a while, then they are dropped and counted.'])
})

t.test('a reader that is gone for good gets nothing more', async t => {
  const sink = new HeldSink()
  const { output } = outputTo(sink)
  output.write('one\n')
  const drained = output.drain(10_000)
  output.write('two\n')
  sink.end({ error: FULL })
  await drained
  output.write('three\n')
  output.writeNow()
  t.strictSame([sink.written, sink.last], [['one\n'], []])
})

t.test('its end waits until all is written, for a while', async t => {
  const sink = new HeldSink()
  const { output } = outputTo(sink)
  await output.drain(10_000)
  output.write('one\n')
  await output.drain(1)
  output.write('a line of twenty  .\n')
  output.write('two\n')
  output.writeNow()
  t.strictSame([sink.written, sink.last], [['one\n'], ['a line of twenty  .\ntwo\n']], 'what is left is tried without waiting')
  const drained = output.drain(10_000)
  sink.end()
  await drained
})

t.test('control characters beyond ASCII are escaped, as they stand in JSON', async t => {
  const sink = new HeldSink()
  const { output } = outputTo(sink)
  output.write('{"u":"\x7f\x80é\x9f"}\n')
  await sink.until(1)
  t.equal(sink.written[0], '{"u":"\\u007f\\u0080é\\u009f"}\n')
})

t.test('what is captured goes nowhere else', async t => {
  const sink = new HeldSink()
  const { output } = outputTo(sink)
  t.equal(output.capture(() => { output.write('one\n'); output.write('two\n') }), 'one\ntwo\n')
  output.writeNow()
  t.strictSame(sink.last, [])
})

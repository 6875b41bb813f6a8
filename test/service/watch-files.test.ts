import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { watchFiles } from '../../src/server/watch-files.js'

/** Counts what it is told of; can be waited for. */
function listener (): { (): void, told: Promise<void> } {
  let resolve = (): void => {}
  const told = new Promise<void>(_resolve => { resolve = _resolve })
  return Object.assign(() => resolve(), { told })
}

t.test('everybody who watches a file is told, also of one that comes and goes, until they end it', async t => {
  const file = join(t.testdir(), 'file')
  const listeners = [listener(), listener(), listener(), listener()] as const
  const [first, second, third, fourth] = listeners
  let tooMany = false
  const stopNever = watchFiles([`${file}-that-never-is`], () => { tooMany = true })
  // A change counts from the first look on. The watch itself keeps no process alive.
  const writing = setInterval(() => writeFileSync(file, String(Math.random())), 50)
  const stopFirst = watchFiles([file], first)
  const stopSecond = watchFiles([file, `${file}-that-never-is`], second)
  await Promise.all([first.told, second.told])
  stopFirst()
  stopSecond()
  const stopThird = watchFiles([file], third)
  await third.told
  clearInterval(writing)

  const alive = setInterval(() => {}, 1_000)
  const stopFourth = watchFiles([file], fourth)
  rmSync(file)
  await fourth.told
  for (const stop of [stopThird, stopFourth, stopNever, stopNever]) stop()
  clearInterval(alive)
  t.notOk(tooMany, 'what is not there has not changed')
})

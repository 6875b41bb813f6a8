import { fileURLToPath } from 'node:url'
import t from 'tap'
import { picture } from '../../chaos/soak/picture.js'
import { inserted, soakTable } from '../../chaos/soak/report.js'
import { grows, seriesOf } from '../../chaos/soak/samples.js'
import type { Sample } from '../../chaos/soak/samples.js'
import { slopeOf } from '../../chaos/soak/slope.js'
import { SpawnedProcess } from '../fixtures/spawned.js'

const RUN = fileURLToPath(new URL('../../dist/chaos/soak/run.js', import.meta.url))
const MIB = 1024 * 1024

/** Samples of a gateway whose heap grows by so many MiB a minute, between noise. */
function samples (growth: number): Sample[] {
  return Array.from({ length: 100 }, (_, nth) => ({
    minute: nth / 10, files: 30 + nth % 3, sockets: 20, timers: 40, heap: (20 + growth * nth / 10 + nth % 2) * MIB, resident: 90 * MIB
  }))
}

t.test('a slope and its noise', async t => {
  const { perMinute, noise } = slopeOf([0, 1, 2, 3], [5, 7, 9, 11])
  t.equal(perMinute, 2)
  t.ok(noise < 1e-9)
  t.ok(slopeOf([0, 1, 2, 3], [5, 6, 5, 6]).noise > 0.3)
  const minutes = Array.from({ length: 20 }, (_, nth) => nth)
  const waves = slopeOf(minutes, minutes.map(minute => Math.sin(minute / 1.5)))
  const scattered = slopeOf(minutes, minutes.map(minute => Math.sin(minute * 3)))
  t.ok(waves.noise > 2 * scattered.noise, 'values that resemble each other tell less')
})

t.test('what grows', async t => {
  t.strictSame(seriesOf(samples(0)).filter(grows), [])
  t.strictSame(seriesOf(samples(0.5)).filter(grows).map(({ name }) => name), ['heap after a collection'])
  t.strictSame(seriesOf(samples(0.05)).filter(grows), [], 'less than matters')
})

t.test('a table and a picture', async t => {
  const counted = { requests: 10, restarts: 2, lost: ['GET 1: status 502'], failedPosts: 1 }
  const table = soakTable(seriesOf(samples(0.5)), counted)
  t.match(table, /^\| heap after a collection, MiB \| 20\.0 \| 2\d\.\d \| \+0\.5\d\d \| ± 0\.\d{3} \| \*\*yes\*\* \|$/m)
  t.match(table, /10 requests, 2 restarts of a target; 1 idempotent requests lost, 1 POSTs failed\.\n {2}GET 1: status 502/)
  t.equal(inserted('a <!-- soak -->old<!-- /soak --> b', 'new'), 'a <!-- soak -->\n\nnew\n\n<!-- /soak --> b')
  t.match(soakTable(seriesOf(samples(-0.5)), counted), /^\| heap after a collection, MiB \| 20\.0 \| 1\d\.\d \| -0\.\d{3} \| .* \| no \|$/m)
  t.match(soakTable(seriesOf([]), counted), /^\| open files \| – \| – \|/m, 'there was no time for a sample')
  t.throws(() => inserted('a', 'new'), { message: 'the page has no marks' })
  const svg = picture(samples(0).map(({ minute }) => minute), seriesOf(samples(0)))
  t.equal(svg.match(/<polyline/g)?.length, 5)
  t.match(svg, /prefers-color-scheme: dark/)
  t.notMatch(svg, /NaN/)
})

t.test('a soak of some seconds', async t => {
  // Without tap, which puts itself into NODE_OPTIONS of whatever is spawned.
  const run = new SpawnedProcess(t, 'env', ['-u', 'NODE_OPTIONS', process.execPath, RUN, '--minutes', '0.05'], {}, 'SIGTERM')
  await run.exited
  t.match(run.output, /\d+ requests, 0 restarts of a target; 0 idempotent requests lost/)
})
